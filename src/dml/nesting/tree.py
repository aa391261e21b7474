"""Parents and children of executions in their order. Reads only, one request for each level.

A child may have several parents, and damaged records may contain cycles, so each execution is followed once. Children
are sorted by ``Sequence``; those without one, which ran in parallel, come last, by creation time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.rows import Row, locate, select, validate_rid
from dml.errors import ConflictError, NotFoundError, UsageError
from dml.nesting.execution_summaries import EXECUTION, ExecutionSummary, read_summaries

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = [
    "NESTING",
    "Link",
    "Nesting",
    "is_nested",
    "is_parent",
    "list_execution_children",
    "list_execution_parents",
    "list_nested_executions",
    "list_parent_executions",
    "read_links",
    "read_nesting",
]

NESTING = "deriva-ml:Execution_Execution"


@dataclass(frozen=True, slots=True)
class Link:
    """A row of ``Execution_Execution``.

    Attributes:
        rid: RID of the row.
        parent, child: RIDs of executions.
        sequence: Position among the children of the parent; None when they ran in parallel.
        created: Creation time of the row (RCT).
    """

    rid: str
    parent: str
    child: str
    sequence: int | None
    created: str

    @property
    def order(self) -> tuple[bool, int, str, str]:
        """A sort key in the order in which children are shown."""
        return self.sequence is None, self.sequence or 0, self.created, self.rid


@dataclass(frozen=True)
class Nesting:
    """The executions below or above one execution.

    Attributes:
        root: RID of the execution at the root.
        upwards: Whether these are the parents instead of the children.
        links: All links level by level, the nearest first, each level in order.
        runs: The executions by RID, including the root.
    """

    root: str
    upwards: bool
    links: tuple[Link, ...]
    runs: Mapping[str, ExecutionSummary]

    def below(self, rid: str) -> list[Link]:
        """The links to the children of an execution (its parents if ``upwards``), in order."""
        return [link for link in self.links if (link.child if self.upwards else link.parent) == rid]

    def other(self, link: Link) -> str:
        """The far end of a link."""
        return link.parent if self.upwards else link.child

    @property
    def members(self) -> list[str]:
        """RIDs of all executions except the root, each once, depth first."""
        by_near: dict[str, list[str]] = {}
        for link in self.links:
            by_near.setdefault(link.child if self.upwards else link.parent, []).append(self.other(link))
        seen, members = {self.root}, []
        waiting = list(reversed(by_near.get(self.root, [])))
        while waiting:
            rid = waiting.pop()
            if rid in seen:
                continue
            seen.add(rid)
            members.append(rid)
            waiting.extend(reversed(by_near.get(rid, [])))
        return members


def read_nesting(catalog: Catalog, rid: str, *, parents: bool = False, recurse: bool = True) -> Nesting:
    """Read the executions nested in an execution, or those that it is nested in.

    Args:
        catalog: The catalog to read.
        rid: RID of the execution.
        parents: Read the parents instead of the children.
        recurse: Read all levels, not just the nearest.

    Raises:
        UsageError: The RID is malformed or not of an execution.
        NotFoundError: There is no such row.
        ConflictError: The catalog cannot nest executions.
    """
    root = validate_rid(rid)
    require_nesting(catalog)
    links = read_links(catalog, [root], parents=parents, recurse=recurse)
    runs = read_summaries(catalog, [root, *(end for link in links for end in (link.parent, link.child))])
    if not runs[root].readable:
        check_executions(catalog, [root])
    return Nesting(root, parents, tuple(links), runs)


def read_links(catalog: Catalog, start: Sequence[str], *, parents: bool = False, recurse: bool = True) -> list[Link]:
    """Read the links below (or above) executions, level by level; each execution is followed once."""
    near = "Nested_Execution" if parents else "Execution"
    all_links: list[Link] = []
    seen = set(start)
    level = list(start)
    while level:
        rows = select(catalog, NESTING, where={near: level})
        position = {rid: number for number, rid in enumerate(level)}
        links = sorted(map(_link, rows), key=lambda link: (position[_near(link, parents)], *link.order))
        all_links += links
        if not recurse:
            break
        further = dict.fromkeys(link.parent if parents else link.child for link in links)
        level = [rid for rid in further if rid not in seen]
        seen.update(level)
    return all_links


def _near(link: Link, parents: bool) -> str:
    return link.child if parents else link.parent


def _link(row: Row) -> Link:
    sequence = row.get("Sequence")
    return Link(
        str(row["RID"]),
        str(row["Execution"]),
        str(row["Nested_Execution"]),
        int(sequence) if sequence is not None else None,
        str(row.get("RCT") or ""),
    )


def require_nesting(catalog: Catalog) -> None:
    """Reject a catalog that cannot nest executions.

    Raises:
        ConflictError: It has no table ``Execution_Execution``.
    """
    if not catalog.schema().has_table(NESTING):
        raise ConflictError(
            f"{catalog.target} cannot nest executions: it was made before deriva-ml 1.17.11",
            hint="Its administrator can bring its deriva-ml schema forward.",
        )


def check_executions(catalog: Catalog, rids: Sequence[str]) -> None:
    """Reject RIDs that are not of executions.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is a row of another table.
    """
    locations = locate(catalog, rids)
    for rid in rids:
        location = locations.get(rid)
        if location is None:
            raise NotFoundError(f"No row {rid} in {catalog.target}", hint="dml exec list")
        if location.qualified_name != EXECUTION:
            raise UsageError(f"{rid} is a row of {location.qualified_name}, not an execution", hint="dml exec list")
        if location.deleted:
            raise NotFoundError(f"Execution {rid} has been deleted", hint="dml exec list")


def list_execution_children(catalog: Catalog, rid: str, *, recurse: bool = False) -> list[ExecutionSummary]:
    """List the executions nested in an execution, in order; with ``recurse``, all levels, depth first, each once."""
    nesting = read_nesting(catalog, rid, recurse=recurse)
    return [nesting.runs[child] for child in nesting.members]


def list_execution_parents(catalog: Catalog, rid: str, *, recurse: bool = False) -> list[ExecutionSummary]:
    """List the executions that an execution is nested in; with ``recurse``, all levels, each once."""
    nesting = read_nesting(catalog, rid, parents=True, recurse=recurse)
    return [nesting.runs[parent] for parent in nesting.members]


list_nested_executions: Callable[..., list[ExecutionSummary]] = list_execution_children
"""The name that deriva-ml up to 1.2 had for :func:`list_execution_children`."""

list_parent_executions: Callable[..., list[ExecutionSummary]] = list_execution_parents
"""The name that deriva-ml up to 1.2 had for :func:`list_execution_parents`."""


def is_nested(catalog: Catalog, rid: str) -> bool:
    """Whether an execution is nested in another one; False on catalogs that cannot nest."""
    return _any_link(catalog, "Nested_Execution", rid)


def is_parent(catalog: Catalog, rid: str) -> bool:
    """Whether an execution has others nested in it; False on catalogs that cannot nest."""
    return _any_link(catalog, "Execution", rid)


def _any_link(catalog: Catalog, column: str, rid: str) -> bool:
    if not catalog.schema().has_table(NESTING):
        return False
    return bool(select(catalog, NESTING, where={column: validate_rid(rid)}, columns=["RID"], limit=1))
