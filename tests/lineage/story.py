"""Writes provenance into a catalog in bulk: executions, files, datasets with versions, and who read and made what."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dml.catalog.connection import Catalog
from dml.catalog.rows import delete, insert, lease_rids, update

EXECUTION = "deriva-ml:Execution"
DATASET = "deriva-ml:Dataset"
VERSION = "deriva-ml:Dataset_Version"
USE = "deriva-ml:Dataset_Execution"
WORKFLOW = "deriva-ml:Workflow"


@dataclass
class Story:
    """What is about to be written, and the RIDs it will have.

    Attributes:
        catalog: Where it is written.
        tables: The domain's asset tables, ``schema:Table``.
        rows: By table, waiting for ``flush``.
    """

    catalog: Catalog
    tables: Sequence[str]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    spare: list[str] = field(default_factory=list)

    def rid(self) -> str:
        if not self.spare:
            tokens = [uuid.uuid4().hex for _ in range(64)]
            leased = lease_rids(self.catalog, tokens)
            self.spare = [leased[token] for token in reversed(tokens)]
        return self.spare.pop()

    def add(self, table: str, **values: Any) -> str:
        rid = self.rid()
        self.rows[table].append({"RID": rid, **values})
        return rid

    def flush(self) -> None:
        """Write what waits: rows before the links between them."""
        for table in sorted(self.rows, key=_order):
            by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
            for row in self.rows[table]:
                by_columns[tuple(row)].append(row)
            for rows in by_columns.values():
                insert(self.catalog, table, rows, keep_rids=True)
        self.rows.clear()

    def workflow(self, name: str = "Train", **values: Any) -> str:
        return self.add(WORKFLOW, Name=name, **{"URL": f"https://code.example.org/{name}", **values})

    def execution(self, workflow: str | None = None, status: str | None = "Uploaded", **values: Any) -> str:
        return self.add(EXECUTION, Workflow=workflow, Status=status, **values)

    def asset(self, table: str = "", *, made_by: Sequence[str] = (), read_by: Sequence[str] = (), **values: Any) -> str:
        table = table or self.tables[0]
        mark = uuid.uuid4().hex
        defaults = {"URL": f"/hatrac/x/{mark}", "Filename": f"{mark[:6]}.bin", "Length": 5, "MD5": mark}
        rid = self.add(table, **{**defaults, **values})
        for execution in made_by:
            self.link(table, rid, execution, "Output")
        for execution in read_by:
            self.link(table, rid, execution, "Input")
        return rid

    def link(self, table: str, asset: str, execution: str, role: str) -> None:
        name = table.partition(":")[2]
        self.add(f"{table}_Execution", **{name: asset, "Execution": execution, "Asset_Role": role})

    def dataset(self, **values: Any) -> str:
        return self.add(DATASET, **{"Description": "a dataset", **values})

    def put(self, dataset: str, table: str, assets: Sequence[str]) -> None:
        """Make assets members, at once."""
        name = table.partition(":")[2]
        self.flush()
        association = self.association(table)
        insert(self.catalog, association, [{"Dataset": dataset, name: asset} for asset in assets])

    def take(self, dataset: str, table: str, assets: Sequence[str]) -> None:
        """Take members out, at once."""
        name = table.partition(":")[2]
        delete(self.catalog, self.association(table), {"Dataset": dataset, name: list(assets)})

    def association(self, table: str) -> str:
        return self.catalog.schema().element_tables()[table].association.qualified_name

    def version(self, dataset: str, text: str, made_by: str | None = None, *, released: bool = True) -> str:
        """A version as the catalog is now."""
        self.flush()
        snapshot = self.catalog.snaptime() if released else None
        rid = self.add(VERSION, Dataset=dataset, Version=text, Execution=made_by, Snapshot=snapshot)
        self.flush()
        update(self.catalog, DATASET, [{"RID": dataset, "Version": rid}], columns=["Version"])
        return rid

    def use(self, execution: str, dataset: str, version: str | None = None) -> None:
        self.add(USE, Dataset=dataset, Execution=execution, Dataset_Version=version)


def _order(table: str) -> int:
    ranks = {WORKFLOW: 0, EXECUTION: 1, DATASET: 2, VERSION: 4, USE: 5}
    return ranks.get(table, 6 if table.endswith("_Execution") else 3)
