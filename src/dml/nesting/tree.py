"""Parents and children of executions, with their order: reading only, one request a level.

A child may have several parents, and damaged records may hold circles: each execution is followed once. Children
stand in the order of ``Sequence``, those without one (they ran in parallel) after them by the time of the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.rows import Row, locate, select, validate_rid
from dml.errors import ConflictError, NotFoundError, UsageError
from dml.nesting.execution_summaries import EXECUTION, Run, read_runs

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
        rid: The row's RID.
        parent, child: RIDs of executions.
        sequence: Place among the parent's children; None when they ran in parallel.
        created: Time of the row.
    """

    rid: str
    parent: str
    child: str
    sequence: int | None
    created: str

    @property
    def order(self) -> tuple[bool, int, str, str]:
        """Sorts links as children are shown."""
        return self.sequence is None, self.sequence or 0, self.created, self.rid


@dataclass(frozen=True)
class Nesting:
    """The executions below or above one execution.

    Attributes:
        root: RID of the execution that was asked about.
        upwards: Whether the parents were asked for.
        links: All links found, each level's in order, nearest level first.
        runs: The executions by RID, the root among them.
    """

    root: str
    upwards: bool
    links: tuple[Link, ...]
    runs: Mapping[str, Run]

    def below(self, rid: str) -> list[Link]:
        """The links to the children of an execution (or its parents, when those were asked for), in order."""
        return [link for link in self.links if (link.child if self.upwards else link.parent) == rid]

    def other(self, link: Link) -> str:
        """The far end of a link."""
        return link.parent if self.upwards else link.child

    @property
    def members(self) -> list[str]:
        """All executions but the root, depth first, each once, as a tree shows them."""
        by_near: dict[str, list[str]] = {}
        for link in self.links:
            by_near.setdefault(link.child if self.upwards else link.parent, []).append(self.other(link))
        seen, found = {self.root}, []
        waiting = list(reversed(by_near.get(self.root, [])))
        while waiting:
            rid = waiting.pop()
            if rid in seen:
                continue
            seen.add(rid)
            found.append(rid)
            waiting.extend(reversed(by_near.get(rid, [])))
        return found


def read_nesting(catalog: Catalog, rid: str, *, parents: bool = False, recurse: bool = True) -> Nesting:
    """The executions nested in an execution, or those that it is nested in.

    Args:
        catalog: Where to read.
        rid: The execution.
        parents: Read the parents instead of the children.
        recurse: Follow all levels, not just the nearest.

    Raises:
        UsageError: The RID is malformed or not an execution's.
        NotFoundError: There is no such row.
        ConflictError: The catalog is older than nesting.
    """
    root = validate_rid(rid)
    require_nesting(catalog)
    links = read_links(catalog, [root], parents=parents, recurse=recurse)
    runs = read_runs(catalog, [root, *(end for link in links for end in (link.parent, link.child))])
    if not runs[root].readable:
        refuse_other_rows(catalog, [root])
    return Nesting(root, parents, tuple(links), runs)


def read_links(catalog: Catalog, start: Sequence[str], *, parents: bool = False, recurse: bool = True) -> list[Link]:
    """The links below (or above) executions, level by level; each execution is followed once."""
    near = "Nested_Execution" if parents else "Execution"
    found: list[Link] = []
    seen = set(start)
    level = list(start)
    while level:
        rows = select(catalog, NESTING, where={near: level})
        place = {rid: number for number, rid in enumerate(level)}
        links = sorted(map(_link, rows), key=lambda link: (place[_near(link, parents)], *link.order))
        found += links
        if not recurse:
            break
        further = dict.fromkeys(link.parent if parents else link.child for link in links)
        level = [rid for rid in further if rid not in seen]
        seen.update(level)
    return found


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
    """Refuse a catalog that cannot nest executions.

    Raises:
        ConflictError: It has no table for it.
    """
    if not catalog.schema().has_table(NESTING):
        raise ConflictError(
            f"{catalog.target} cannot nest executions: it was made before deriva-ml 1.17.11",
            hint="Its administrator can bring its deriva-ml schema forward.",
        )


def refuse_other_rows(catalog: Catalog, rids: Sequence[str]) -> None:
    """Refuse RIDs that are no executions.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is a row of another table.
    """
    places = locate(catalog, rids)
    for rid in rids:
        place = places.get(rid)
        if place is None:
            raise NotFoundError(f"No row {rid} in {catalog.target}", hint="dml exec list")
        if place.qualified_name != EXECUTION:
            raise UsageError(f"{rid} is a row of {place.qualified_name}, not an execution", hint="dml exec list")
        if place.deleted:
            raise NotFoundError(f"Execution {rid} has been deleted", hint="dml exec list")


def list_execution_children(catalog: Catalog, rid: str, *, recurse: bool = False) -> list[Run]:
    """The executions nested in an execution, in order; with ``recurse`` all levels, depth first, each once."""
    nesting = read_nesting(catalog, rid, recurse=recurse)
    return [nesting.runs[child] for child in nesting.members]


def list_execution_parents(catalog: Catalog, rid: str, *, recurse: bool = False) -> list[Run]:
    """The executions that an execution is nested in; with ``recurse`` all levels, each once."""
    nesting = read_nesting(catalog, rid, parents=True, recurse=recurse)
    return [nesting.runs[parent] for parent in nesting.members]


list_nested_executions: Callable[..., list[Run]] = list_execution_children
"""The name that deriva-ml up to 1.2 had for :func:`list_execution_children`."""

list_parent_executions: Callable[..., list[Run]] = list_execution_parents
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
