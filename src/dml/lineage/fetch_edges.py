"""The requests of a walk: whole edge tables or slices of them, each table in one request, all of them at once.

A table that this user may not read becomes a warning in the facts, never an end of the walk. Lists of RIDs are split
by the length of the URL. Every path names its joins by columns, so that the answer does not depend on how many foreign
keys lie between two tables.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from dml.catalog.concurrency import gather
from dml.catalog.connection import Catalog
from dml.catalog.rows import Row, quote, read
from dml.catalog.url import PATH_LIMIT, condition, split_values, table_path
from dml.errors import ConflictError, ForbiddenError, NotFoundError
from dml.lineage.edge_store import EdgeStore, MemberProducers
from dml.lineage.nodes import DatasetState
from dml.lineage.tables import (
    DATASET,
    DATASET_EXECUTION,
    DATASET_VERSION,
    INPUT,
    METADATA,
    OUTPUT,
    AssetTable,
    EdgeTables,
)

__all__ = ["ASSET_COLUMNS", "Reader", "sliced"]

ASSET_COLUMNS = ("Filename", "Length", "MD5", "URL")
Call = Callable[[], None]


class Reader:
    """Reads the provenance of a catalog into ``store``.

    Attributes:
        catalog: The catalog to read.
        tables: The tables that hold provenance.
        store: The edges and rows that have been read.
        inputs_of_table, outputs: How many of them each asset table has, by name; filled by ``counting``.
        dataset_links: How many rows the tables of dataset versions and uses have together; likewise.
    """

    def __init__(self, catalog: Catalog, tables: EdgeTables) -> None:
        self.catalog = catalog
        self.tables = tables
        self.store = EdgeStore()
        self.inputs_of_table: dict[str, int] = {}
        self.outputs: dict[str, int] = {}
        self.dataset_links = 0
        self._filling = threading.Lock()

    def counting(self) -> list[Call]:
        """Calls that each count the rows of one edge table, in one request."""
        calls: list[Call] = [partial(self._count_links, entry) for entry in self.tables.assets]
        if self.tables.datasets:
            calls += [partial(self._count_rows, name) for name in (DATASET_VERSION, DATASET_EXECUTION)]
        return calls

    def _count_links(self, entry: AssetTable) -> None:
        rows = self.rows(f"/attributegroup/{table_path(entry.link)}/Asset_Role;n:=cnt(RID)", entry.link)
        counts = {row["Asset_Role"]: int(row["n"]) for row in rows}
        self.inputs_of_table[entry.table], self.outputs[entry.table] = counts.get(INPUT, 0), counts.get(OUTPUT, 0)

    def _count_rows(self, table: str) -> None:
        rows = self.rows(f"/aggregate/{table_path(table)}/n:=cnt(RID)", table)
        with self._filling:
            self.dataset_links += int(rows[0]["n"]) if rows else 0

    def edges(self, root: str, *, backward_only: bool) -> int:
        """Number of edges that ``preload`` would read; call ``counting`` first."""
        entries = [entry for entry in self.tables.assets if self._matters(entry, root, backward_only)]
        links = sum(self.inputs_of_table[entry.table] + self.outputs[entry.table] for entry in entries)
        return links + self.dataset_links

    def preload(self, root: str, *, backward_only: bool) -> None:
        """Read all relevant edges: at most one request for each asset table and two more.

        Args:
            root: The table of the row that the walk starts from.
            backward_only: Leave out outputs that nothing read or contains, such as most metadata files.
        """
        entries = [entry for entry in self.tables.assets if self._matters(entry, root, backward_only)]
        calls: list[Call] = [partial(self.links, entry, members=True) for entry in entries]
        if self.tables.datasets:
            calls += [self.versions, self.uses]
        gather(calls)

    def _matters(self, entry: AssetTable, root: str, backward_only: bool) -> bool:
        read, made = self.inputs_of_table.get(entry.table, 0), self.outputs.get(entry.table, 0)
        if backward_only and entry.table != root:
            return bool(read or (made and entry.membership))
        return bool(read or made)

    def inputs(self, executions: Sequence[str]) -> None:
        """Read the inputs of executions: a request for each asset table and one more, for each page of RIDs."""
        self._by_execution(executions, INPUT, [partial(self.uses, "Execution", executions)])

    def outputs_of(self, executions: Sequence[str]) -> None:
        """Read the outputs of executions, without ``Execution_Metadata``, which describes executions."""
        versions = [partial(self.versions, "Execution", executions)] if self.tables.version_producers else []
        self._by_execution(executions, OUTPUT, versions)

    def _by_execution(self, executions: Sequence[str], role: str, datasets: Sequence[Call]) -> None:
        entries = [entry for entry in self.tables.assets if entry.table != METADATA or role == INPUT]
        calls: list[Call] = [
            partial(self.links, entry, entry.execution_column, executions, role, members=role == OUTPUT)
            for entry in entries
        ]
        gather([*calls, *(datasets if self.tables.datasets else ())])

    def producers(self, assets: Mapping[str, Sequence[str]], datasets: Sequence[str]) -> None:
        """Read the producers of assets (RIDs by table) and the versions of datasets."""
        self._by_artifact(assets, OUTPUT, [partial(self.versions, "Dataset", datasets)] if datasets else [])

    def consumers(self, assets: Mapping[str, Sequence[str]], datasets: Sequence[str]) -> None:
        """Read the consumers of assets (RIDs by table) and of datasets, with all versions of the latter."""
        both = [partial(self.uses, "Dataset", datasets), partial(self.versions, "Dataset", datasets)]
        self._by_artifact(assets, INPUT, both if datasets else [])

    def _by_artifact(self, assets: Mapping[str, Sequence[str]], role: str, datasets: Sequence[Call]) -> None:
        calls: list[Call] = []
        for entry in self.tables.assets:
            if assets.get(entry.table):
                calls.append(partial(self.links, entry, entry.asset_column, assets[entry.table], role))
        gather([*calls, *(datasets if self.tables.datasets else ())])

    def links(
        self,
        entry: AssetTable,
        column: str = "",
        values: Sequence[str] | None = None,
        role: str = "",
        *,
        members: bool = False,
    ) -> None:
        """Read edges between an asset table and executions, each with its asset."""
        head = f"/attributegroup/E:={table_path(entry.link)}"
        tail = f"/Asset_Role={role}" if role else ""
        tail += f"/A:=left({quote(entry.asset_column)})=({table_path(entry.table)}:RID)"
        keys = f"link:=E:RID,asset:=E:{quote(entry.asset_column)},execution:=E:{quote(entry.execution_column)}"
        keys += ",role:=E:Asset_Role,linked:=E:RCT,asset_created:=A:RCT,"
        keys += ",".join(f"{name}:=A:{name}" for name in ASSET_COLUMNS)
        datasets = ""
        if members and entry.membership is not None:
            held = entry.membership
            tail += f"/M:=left(RID)=({table_path(held.association.qualified_name)}:{quote(held.element_column)})"
            datasets = f";datasets:=array_d(M:{quote(held.dataset_column)})"
        rows = self.slices(head, column, values, f"{tail}/{keys}{datasets}", entry.link)
        with self._filling:
            for row in rows:
                self.store.add_link(entry, row)

    def versions(self, column: str = "", values: Sequence[str] | None = None) -> None:
        """Read versions of datasets, each with its dataset's description and deletion mark."""
        tail = f"/D:=left(Dataset)=({table_path(DATASET)}:RID)/$V/RID,RCT,Version,Dataset"
        tail += ",Execution" if self.tables.version_producers else ""
        tail += ",Snapshot" if self.tables.snapshots else ""
        tail += ",dataset_row:=D:RID,dataset_deleted:=D:Deleted,dataset_description:=D:Description"
        rows = self.slices(f"/attribute/V:={table_path(DATASET_VERSION)}", column, values, tail, DATASET_VERSION)
        with self._filling:
            for row in rows:
                self.store.add_version(row)

    def uses(self, column: str = "", values: Sequence[str] | None = None) -> None:
        """Read links between datasets and executions."""
        tail = "/RID,Dataset,Execution" + (",Dataset_Version" if self.tables.consumed_versions else "")
        rows = self.slices(f"/attribute/{table_path(DATASET_EXECUTION)}", column, values, tail, DATASET_EXECUTION)
        with self._filling:
            for row in rows:
                self.store.add_use(row)

    def members(self, states: Iterable[DatasetState]) -> dict[str, MemberProducers]:
        """Who made the members of dataset versions, each at its snapshot (live without one), by the node's key.

        Costs a request for each snapshot and asset table that has outputs and can be a member.
        """
        by_snapshot: dict[str, dict[str, str]] = defaultdict(dict)
        for state in states:
            by_snapshot[state.snapshot][state.rid] = state.key
        found: dict[str, dict[tuple[str, str], int]] = {
            key: {} for keys in by_snapshot.values() for key in keys.values()
        }

        def one(snapshot: str, keys: Mapping[str, str], entry: AssetTable) -> None:
            for row in self._member_rows(snapshot, sorted(keys), entry):
                found[keys[row["dataset"]]][row["execution"], entry.table] = int(row["n"])

        entries = [entry for entry in self.tables.assets if entry.membership and self.outputs.get(entry.table, 1)]
        gather([partial(one, snapshot, by_snapshot[snapshot], entry) for snapshot in by_snapshot for entry in entries])
        return dict(found)

    def _member_rows(self, snapshot: str, datasets: Sequence[str], entry: AssetTable) -> list[Row]:
        held = entry.membership
        assert held is not None  # noqa: S101 - only entries with a membership are passed
        association, dataset = held.association.qualified_name, quote(held.dataset_column)
        element = quote(held.element_column)
        tail = f"/A:=({element})=({table_path(entry.table)}:RID)"
        tail += f"/E:=(RID)=({table_path(entry.link)}:{quote(entry.asset_column)})/Asset_Role={OUTPUT}"
        tail += f"/dataset:=M:{dataset},execution:=E:{quote(entry.execution_column)};n:=cnt_d(M:{element})"
        catalog = self.catalog.at(snapshot) if snapshot else self.catalog
        head = f"/attributegroup/M:={table_path(association)}"
        return self.slices(head, held.dataset_column, datasets, tail, association, catalog)

    def slices(
        self,
        head: str,
        column: str,
        values: Sequence[str] | None,
        tail: str,
        what: str,
        catalog: Catalog | None = None,
    ) -> list[Row]:
        """Read the rows of a path with a condition between head and tail, in as many requests as URLs need."""
        source = catalog or self.catalog
        paths = [head + tail] if values is None else sliced(source, head, column, values, tail)
        parts = gather([partial(self.rows, path, what, source) for path in paths])
        return [row for part in parts for row in part]

    def rows(self, path: str, what: str, catalog: Catalog | None = None) -> list[Row]:
        """Read the rows of a path; none, with a warning, where they are not readable."""
        try:
            return read(catalog or self.catalog, path)
        except ForbiddenError:
            self.store.warnings[f"{what} may not be read by you: what it says is missing here"] = None
        except (ConflictError, NotFoundError):
            if catalog is None or catalog is self.catalog:
                raise
            # The snapshot may be older than the table, or no longer exist: its members are unknown.
            where = f"{what} at snapshot {catalog.target.snapshot}"
            self.store.warnings[f"{where} cannot be read: who made those members is unknown"] = None
        return []


def sliced(catalog: Catalog, head: str, column: str, values: Sequence[str], tail: str) -> list[str]:
    """Paths that together request all values, each within the URL length that Apache accepts."""
    room = PATH_LIMIT - 2 - len(catalog.target.catalog_path) - len(head) - len(tail)
    return [f"{head}/{condition(column, run)}{tail}" for run in split_values(column, values, room)]
