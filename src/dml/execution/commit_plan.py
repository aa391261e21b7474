"""What a commit will do, as a document: which files go up, which are in the catalog already, which rows are written.

A plan may be kept in a file and applied later; it is refused when what is staged has changed since. Making one reads
the catalog and hashes files; it sends nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.errors import ConflictError, UsageError
from dml.execution.commit import JOBS, find_shared
from dml.safe_text import safe
from dml.upload import transfer
from dml.upload.batch import Batch, by_table, collect
from dml.workspace import executions

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession


@dataclass(frozen=True)
class PlannedFile:
    """One file of a plan.

    Attributes:
        key: ``Table/filename``.
        bytes: Its size.
        md5: Of its content, hexadecimal.
        types: Its asset types.
        shared_with: RID of the row that holds the same content already; None when it goes up.
    """

    key: str
    bytes: int
    md5: str
    types: tuple[str, ...]
    shared_with: str | None


@dataclass(frozen=True)
class CommitPlan:
    """What the commit of one execution will do.

    Attributes:
        rid: The execution.
        status: Its status now.
        files: The staged files, by key.
        features: Feature table → rows.
    """

    rid: str
    status: str
    files: tuple[PlannedFile, ...]
    features: Mapping[str, int]

    @property
    def bytes_to_send(self) -> int:
        """Bytes that go up."""
        return sum(file.bytes for file in self.files if file.shared_with is None)

    @property
    def rows(self) -> dict[str, int]:
        """Rows that will be written, by what they are."""
        new = sum(file.shared_with is None for file in self.files)
        types = sum(len({*file.types, "Output_File"}) for file in self.files)
        return {"assets": new, "edges": len(self.files), "types": types, "features": sum(self.features.values())}

    @property
    def fingerprint(self) -> str:
        """A digest of what is staged; it does not depend on what the catalog holds."""
        staged = [[file.key, file.bytes, file.md5, list(file.types)] for file in self.files]
        text = json.dumps([self.rid, staged, sorted(self.features.items())])
        return hashlib.sha256(text.encode()).hexdigest()

    def to_mapping(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "rid": self.rid,
            "status": self.status,
            "files": [
                {
                    "key": file.key,
                    "bytes": file.bytes,
                    "md5": file.md5,
                    "types": list(file.types),
                    "action": "upload" if file.shared_with is None else "share",
                    "shared_with": file.shared_with,
                }
                for file in self.files
            ],
            "features": dict(self.features),
            "bytes_to_send": self.bytes_to_send,
            "rows": self.rows,
            "fingerprint": self.fingerprint,
        }


def plan(session: WorkspaceSession, rid: str) -> CommitPlan:
    """Find out what the commit of an execution will do. Sends nothing and changes no status.

    Raises:
        NotFoundError: A staged file is missing, or the workspace knows no such execution.
        IntegrityError: A file changes while it is read.
    """
    row = executions.get_execution(session.registry, rid)
    batch = collect(session, rid)
    return CommitPlan(
        rid, row.status, _files(session, rid, batch), Counter(one.feature_table for one in batch.features)
    )


def refuse_changed(session: WorkspaceSession, document: Mapping[str, Any]) -> str:
    """The execution of a kept plan, when what is staged is what the plan says.

    Raises:
        UsageError: The document is no plan.
        ConflictError: What is staged has changed since the plan was made.
    """
    rid, fingerprint = document.get("rid"), document.get("fingerprint")
    if not isinstance(rid, str) or not isinstance(fingerprint, str):
        raise UsageError("The file is no plan of a commit", hint="`dml exec commit RID --plan FILE` makes one.")
    if plan(session, rid).fingerprint != fingerprint:
        raise ConflictError(
            f"What is staged for {safe(rid)} has changed since the plan was made; nothing was sent",
            hint=f"Make it anew: dml exec commit {safe(rid)} --plan FILE",
        )
    return rid


def _files(session: WorkspaceSession, rid: str, batch: Batch) -> tuple[PlannedFile, ...]:
    located, errors = transfer.hash_files(session, rid, batch.works, JOBS)
    for error in errors.values():
        raise error
    shared = find_shared(session, located)
    planned = {
        file.key: PlannedFile(
            file.key,
            file.digest.length,
            file.digest.md5_hex,
            file.work.types,
            shared[file.key].rid if file.key in shared else None,
        )
        for file in located
    }
    return tuple(planned[work.key] for _, works in by_table(batch.works) for work in works)
