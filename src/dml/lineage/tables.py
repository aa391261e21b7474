"""The tables and columns of a catalog that hold provenance, derived from its schema without a request.

The edges of data flow are: ``Dataset_Version.Execution`` (who made a version), ``Dataset_Execution`` (who read a
dataset; before deriva-ml 1.43 also who made it), ``{Asset}_Execution`` with its role, ``Dataset_{Asset}`` at a
version's snapshot (whose assets a dataset holds) and the Execution column of the feature tables.
"""

from __future__ import annotations

from dataclasses import dataclass

from dml.catalog.schema import Feature, Membership, Schema

EXECUTION = "deriva-ml:Execution"
WORKFLOW = "deriva-ml:Workflow"
WORKFLOW_TYPES = "deriva-ml:Workflow_Workflow_Type"
DATASET = "deriva-ml:Dataset"
DATASET_VERSION = "deriva-ml:Dataset_Version"
DATASET_EXECUTION = "deriva-ml:Dataset_Execution"
METADATA = "deriva-ml:Execution_Metadata"

INPUT, OUTPUT = "Input", "Output"


@dataclass(frozen=True)
class AssetTable:
    """An asset table with its edges.

    Attributes:
        table: ``schema:Table``.
        link: ``schema:Table`` of its association with executions.
        asset_column: Column of ``link`` with the asset's RID.
        execution_column: Column of ``link`` with the execution's RID.
        membership: How its rows are members of datasets; None when they cannot be.
    """

    table: str
    link: str
    asset_column: str
    execution_column: str
    membership: Membership | None


@dataclass(frozen=True)
class EdgeTables:
    """The tables of a catalog that hold provenance.

    Attributes:
        assets: Asset tables that executions can read or make, by name.
        features: Feature tables, by name.
        datasets: Whether the catalog has datasets.
        version_producers: Whether ``Dataset_Version`` names the execution that made the version.
        consumed_versions: Whether ``Dataset_Execution`` names the version and holds inputs only.
        snapshots: Whether ``Dataset_Version`` names the version's snapshot.
        workflow_types: ``table`` (an association), ``column`` (of Workflow), or empty.
        durations: Columns of Execution with a duration, that of the execution itself first.
        status_detail: Whether Execution has ``Status_Detail``.
    """

    assets: tuple[AssetTable, ...]
    features: tuple[Feature, ...]
    datasets: bool
    version_producers: bool
    consumed_versions: bool
    snapshots: bool
    workflow_types: str
    durations: tuple[str, ...]
    status_detail: bool

    def asset(self, table: str) -> AssetTable | None:
        """The entry of an asset table; None when executions cannot refer to it."""
        return next((entry for entry in self.assets if entry.table == table), None)


def edge_tables(schema: Schema) -> EdgeTables:
    """Find the tables that hold provenance."""
    abilities = schema.capabilities
    members = schema.element_tables()
    assets = []
    for table in schema.asset_tables():
        link = schema.asset_execution_table(table)
        to_asset = link.reference_to(table.qualified_name) if link else None
        to_execution = link.reference_to(EXECUTION) if link else None
        if link is None or to_asset is None or to_execution is None:
            continue
        name = table.qualified_name
        columns = to_asset.columns[0], to_execution.columns[0]
        assets.append(AssetTable(name, link.qualified_name, *columns, members.get(name)))
    run = ("Execution_Duration", "Duration")
    types = "table" if abilities.workflow_type_table else "column" if abilities.workflow_type_column else ""
    return EdgeTables(
        assets=tuple(sorted(assets, key=lambda entry: entry.table)),
        features=tuple(sorted(schema.feature_tables(), key=lambda feature: feature.table.qualified_name)),
        datasets=schema.has_table(DATASET_EXECUTION) and schema.has_table(DATASET_VERSION),
        version_producers=schema.has_column(DATASET_VERSION, "Execution"),
        consumed_versions=abilities.dataset_execution_version,
        snapshots=schema.has_column(DATASET_VERSION, "Snapshot"),
        workflow_types=types,
        durations=tuple(name for name in run if name in abilities.durations),
        status_detail=abilities.status_detail,
    )
