"""How many files and bytes datasets hold: of their live members in a few requests, or exactly at their snapshots.

The live answer counts the files that are members, of nested datasets too, one request for each asset table whatever the
number of datasets. Files that belong to a dataset without being members of it (images of a subject) are counted only by
the exact one, which walks each version as its bag would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from dml.catalog.concurrency import gather
from dml.catalog.read_rows import filtered_paths, read
from dml.catalog.url import quote, table_path
from dml.execution.requested_inputs import RequestedDataset

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Membership
    from dml.dataset.records import VersionRow

__all__ = ["Size", "Sizes", "exact_size", "live_sizes"]


@dataclass(frozen=True)
class Size:
    """Files and their bytes."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.files + other.files, self.bytes + other.bytes)


@dataclass(frozen=True)
class Sizes:
    """Sizes by dataset RID; a dataset without files is absent."""

    of: Mapping[str, Size] = field(default_factory=dict)

    def get(self, rid: str) -> Size:
        """The size of a dataset."""
        return self.of.get(rid, Size())


def live_sizes(catalog: Catalog, rids: Sequence[str], nested: Mapping[str, Sequence[str]]) -> Sizes:
    """The files that are members of datasets now.

    Args:
        catalog: Where.
        rids: The datasets.
        nested: Dataset → nested datasets, of the whole catalog.
    """
    below = {rid: _closure(rid, nested) for rid in rids}
    every = sorted({inner for closure in below.values() for inner in closure})
    if not every:
        return Sizes()
    memberships = [one for one in catalog.schema().element_tables().values() if one.element.is_asset]
    paths = [path for one in memberships for path in _paths(catalog, one, every)]
    own: dict[str, Size] = {}
    for rows in gather([partial(read, catalog, path) for path in paths]):
        for row in rows:
            size = Size(int(row["n"] or 0), int(row["bytes"] or 0))
            own[str(row["dataset"])] = own.get(str(row["dataset"]), Size()) + size
    return Sizes({rid: sum((own.get(inner, Size()) for inner in below[rid]), Size()) for rid in rids})


def exact_size(catalog: Catalog, dataset: RequestedDataset, version: VersionRow) -> Size:
    """The files that the bag of a version would hold, read at its snapshot; requests grow with tables."""
    from dml.dataset.export_scope import TableReader, collect_rows, references_of

    reader = catalog.at(version.snapshot) if version.snapshot else catalog
    schema = reader.schema()
    reached = collect_rows(TableReader(reader), references_of(schema, dataset.excluded), [dataset.rid])
    rows: list[Mapping[str, Any]] = []
    for name, found in reached.items():
        if schema.has_table(name) and schema.table(name).is_asset:
            rows += [row for row in found.values() if row.get("URL")]
    return Size(len(rows), sum(int(row.get("Length") or 0) for row in rows))


def _closure(rid: str, nested: Mapping[str, Sequence[str]]) -> set[str]:
    found, todo = {rid}, [rid]
    while todo:
        for inner in nested.get(todo.pop(), ()):
            if inner not in found:
                found.add(inner)
                todo.append(inner)
    return found


def _paths(catalog: Catalog, membership: Membership, rids: Sequence[str]) -> list[str]:
    element = membership.element
    join = f"/A:=({quote(membership.element_column)})=({table_path(element.qualified_name)}:RID)"
    group = f"/dataset:=M:{quote(membership.dataset_column)};n:=cnt(A:RID),bytes:=sum(A:Length)"
    head = f"/attributegroup/M:={table_path(membership.association.qualified_name)}"
    return filtered_paths(catalog, head, {membership.dataset_column: list(rids)}, join + group)
