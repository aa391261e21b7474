"""Gaps in a catalog's provenance: executions without inputs or code, and data without a producer.

Reads whole association tables in 4 + 2·A requests for A asset tables, whatever the number of rows; writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dml.asset.associations import execution_associations
from dml.catalog.concurrency import gather
from dml.catalog.ml_schema import sentinels
from dml.catalog.rows import select
from dml.catalog.schema import EXECUTION
from dml.execution.unknown_provenance import DATASET_EXECUTION

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["ProvenanceReport", "audit_provenance"]

_VERSION = "deriva-ml:Dataset_Version"


@dataclass(frozen=True)
class ProvenanceReport:
    """The gaps, as sorted RIDs; the catalog's sentinel rows are left out.

    Attributes:
        executions_without_inputs: Executions that are linked to no input, not even to the unknown-provenance file.
        executions_without_workflow: Executions without a workflow.
        assets_without_producer: Assets that are not the output of any execution, by table ``schema:Table``.
        versions_without_producer: Dataset versions without an execution, as ``RID@version`` of the dataset.
    """

    executions_without_inputs: tuple[str, ...]
    executions_without_workflow: tuple[str, ...]
    assets_without_producer: dict[str, tuple[str, ...]]
    versions_without_producer: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether there are no gaps."""
        gaps = (self.executions_without_inputs, self.executions_without_workflow, self.versions_without_producer)
        return not any(gaps) and not self.assets_without_producer


def audit_provenance(catalog: Catalog) -> ProvenanceReport:
    """Find the gaps in a catalog's provenance. Reads only."""
    associations = execution_associations(catalog.schema())
    calls = [
        partial(select, catalog, EXECUTION, columns=["RID", "Workflow"]),
        partial(select, catalog, DATASET_EXECUTION, columns=["Execution"]),
        partial(select, catalog, _VERSION, where={"Execution": None}, columns=["Dataset", "Version"]),
    ]
    for association in associations:
        columns = [association.asset_column, association.other_column, "Asset_Role"]
        calls.append(partial(select, catalog, association.asset.qualified_name, columns=["RID"]))
        calls.append(partial(select, catalog, association.table, columns=columns))
    executions, reads, versions, *rest = gather(calls)
    sentinel_rids = set(sentinels(catalog).values())
    with_inputs = {str(row["Execution"]) for row in reads}
    without_producer: dict[str, tuple[str, ...]] = {}
    for association, assets, edges in zip(associations, rest[::2], rest[1::2], strict=True):
        with_inputs |= {str(row[association.other_column]) for row in edges if row["Asset_Role"] == "Input"}
        produced = {str(row[association.asset_column]) for row in edges if row["Asset_Role"] == "Output"}
        if gap := sorted({str(row["RID"]) for row in assets} - produced - sentinel_rids):
            without_producer[association.asset.qualified_name] = tuple(gap)
    known = {str(row["RID"]): row["Workflow"] for row in executions if str(row["RID"]) not in sentinel_rids}
    return ProvenanceReport(
        executions_without_inputs=tuple(sorted(known.keys() - with_inputs)),
        executions_without_workflow=tuple(sorted(rid for rid, workflow in known.items() if workflow is None)),
        assets_without_producer=without_producer,
        versions_without_producer=tuple(sorted(f"{row['Dataset']}@{row['Version']}" for row in versions)),
    )
