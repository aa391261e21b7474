"""Where the provenance of a catalog has gaps: executions without inputs or code, data that nobody says who made.

Reads the edge tables whole, 4 + 2·A requests for A asset tables, whatever the rows; writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dml.asset.execution_edges import edge_tables
from dml.catalog.concurrency import gather
from dml.catalog.ml_schema import sentinels
from dml.catalog.rows import Row, select
from dml.catalog.schema import EXECUTION
from dml.execution.creation import DATASET_EXECUTION

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["ProvenanceReport", "audit_provenance"]

_VERSION = "deriva-ml:Dataset_Version"


@dataclass(frozen=True)
class ProvenanceReport:
    """The gaps, by RID and sorted; the catalog's own stand-in rows are none.

    Attributes:
        executions_without_inputs: Executions that are linked to no input, not even to the unknown one.
        executions_without_workflow: Executions that name no code.
        assets_without_producer: Assets that no execution wrote, by table ``schema:Table``.
        versions_without_producer: Dataset versions that name no execution, as ``RID@version`` of the dataset.
    """

    executions_without_inputs: tuple[str, ...]
    executions_without_workflow: tuple[str, ...]
    assets_without_producer: dict[str, tuple[str, ...]]
    versions_without_producer: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether there is no gap."""
        gaps = (self.executions_without_inputs, self.executions_without_workflow, self.versions_without_producer)
        return not any(gaps) and not self.assets_without_producer


def audit_provenance(catalog: Catalog) -> ProvenanceReport:
    """Find the gaps in a catalog's provenance. Reads only."""
    tables = edge_tables(catalog)
    calls = [
        partial(select, catalog, EXECUTION, columns=["RID", "Workflow"]),
        partial(select, catalog, DATASET_EXECUTION, columns=["Execution"]),
        partial(select, catalog, _VERSION, where={"Execution": None}, columns=["Dataset", "Version"]),
    ]
    for table, edges, asset, execution in tables:
        calls.append(partial(select, catalog, table.qualified_name, columns=["RID"]))
        calls.append(partial(select, catalog, edges.qualified_name, columns=[asset, execution, "Asset_Role"]))
    executions, reads, versions, *rest = gather(calls)
    stand_ins = set(sentinels(catalog).values())
    fed = {str(row["Execution"]) for row in reads}
    unmade: dict[str, tuple[str, ...]] = {}
    for number, (table, _, asset, execution) in enumerate(tables):
        edges_here: list[Row] = rest[2 * number + 1]
        fed |= {str(row[execution]) for row in edges_here if row["Asset_Role"] == "Input"}
        made = {str(row[asset]) for row in edges_here if row["Asset_Role"] == "Output"} | stand_ins
        if gap := sorted({str(row["RID"]) for row in rest[2 * number]} - made):
            unmade[table.qualified_name] = tuple(gap)
    known = {str(row["RID"]): row["Workflow"] for row in executions if str(row["RID"]) not in stand_ins}
    return ProvenanceReport(
        executions_without_inputs=tuple(sorted(known.keys() - fed)),
        executions_without_workflow=tuple(sorted(rid for rid, workflow in known.items() if workflow is None)),
        assets_without_producer=unmade,
        versions_without_producer=tuple(sorted(f"{row['Dataset']}@{row['Version']}" for row in versions)),
    )
