"""The nodes of a provenance graph: executions, dataset versions, assets and feature values.

A node carries a ``Condition`` where its row is deleted, unreadable or a placeholder for unknown provenance, or where
the walk stopped before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Artifact", "Asset", "Condition", "DatasetState", "Execution", "Feature", "Node", "Workflow"]

# setuptools-scm appends the date to the version of a modified tree (0.3.1.dev2+ga1b2c3d.d20261120), git `-dirty`.
_MODIFIED = re.compile(r"\+(?:.*\.)?d20\d{6}$|[-+.#]dirty\b", re.IGNORECASE)


class Condition(StrEnum):
    """Whether the row of a node could be read, and why not."""

    present = "present"
    deleted = "deleted"
    missing = "missing"
    """Referred to, but its row does not exist or the user has no right to read it."""
    unknown_provenance = "unknown_provenance"
    """The catalog's placeholder for an origin that was not recorded."""
    not_followed = "not_followed"
    """Beyond the requested depth or number of executions."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """The code that an execution ran.

    Attributes:
        rid: RID of the row in ``Workflow``.
        name: Empty when there is none.
        types: Names of the workflow types, sorted.
        url: URL of the code, usually with the commit.
        checksum: Recorded checksum of the source; empty when there is none.
        version: Recorded version; empty when there is none.
    """

    rid: str
    name: str = ""
    types: tuple[str, ...] = ()
    url: str = ""
    checksum: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """A row of ``Execution``.

    Attributes:
        rid: Its RID, also its key in the graph.
        condition: Whether the row could be read.
        description: Free text by its author.
        status: As in the catalog, including statuses of older deriva-ml releases; None for none.
        status_detail: The last message or reason.
        workflow: The code; None when none is recorded.
        duration: Seconds; None when unknown.
        created: Creation time (RCT), ISO 8601; empty when unknown.
        user: Id of the client that created the row (RCB).
    """

    rid: str
    condition: Condition = Condition.present
    description: str = ""
    status: str | None = None
    status_detail: str = ""
    workflow: Workflow | None = None
    duration: float | None = None
    created: str = ""
    user: str = ""

    @property
    def key(self) -> str:
        """Its key in the graph."""
        return self.rid

    @property
    def is_dirty(self) -> bool:
        """Whether URL or version record that the code had uncommitted changes."""
        if self.workflow is None:
            return False
        return bool(_MODIFIED.search(self.workflow.version) or _MODIFIED.search(self.workflow.url))


@dataclass(frozen=True, slots=True)
class DatasetState:
    """A version of a dataset.

    Attributes:
        rid: RID of the dataset.
        version: PEP 440 version as in the catalog; empty when the dataset has none.
        condition: Whether its row could be read.
        description: Free text by its author.
        snapshot: Snaptime of the catalog at the version's release; empty for development versions.
        created: Creation time of the version's row (RCT).
    """

    rid: str
    version: str = ""
    condition: Condition = Condition.present
    description: str = ""
    snapshot: str = ""
    created: str = ""

    @property
    def key(self) -> str:
        """Its key in the graph, ``RID@VERSION``."""
        return f"{self.rid}@{self.version}" if self.version else self.rid


@dataclass(frozen=True, slots=True)
class Asset:
    """A file registered in the catalog.

    Attributes:
        rid: Its RID, also its key in the graph.
        table: ``schema:Table``.
        condition: Whether its row could be read.
        filename: Recorded name; empty when there is none.
        length: Bytes; None when unknown.
        md5: Hexadecimal digest; empty when unknown.
        url: URL of its bytes.
        description: Free text by its author.
        created: Creation time of its row (RCT).
    """

    rid: str
    table: str
    condition: Condition = Condition.present
    filename: str = ""
    length: int | None = None
    md5: str = ""
    url: str = ""
    description: str = ""
    created: str = ""

    @property
    def key(self) -> str:
        """Its key in the graph."""
        return self.rid


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature value, or all values of a feature that one execution wrote.

    Attributes:
        key: Its key in the graph: the RID of a single value, or ``TABLE#EXECUTION`` for several.
        rid: RID of a single value; empty for several.
        table: ``schema:Table`` of the feature.
        name: The feature's name.
        count: Number of values.
        condition: Whether its row could be read.
    """

    key: str
    rid: str
    table: str
    name: str = ""
    count: int = 1
    condition: Condition = Condition.present


Artifact = DatasetState | Asset | Feature
Node = Execution | Artifact
