"""Checking a configuration against the catalog before anything is written: inputs, versions, workflow types.

Reading only, in a number of requests that does not grow with the number of datasets, and grows with assets only by the
one look that tells a RID's table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.catalog import required_terms
from dml.catalog.rows import Row, locate, select
from dml.dataset.lookup import resolve_all
from dml.dataset.records import ResolvedDataset
from dml.errors import NotFoundError, UsageError
from dml.execution.configuration import AssetSpec, ExecutionConfiguration
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

ASSET_COLUMNS = ("RID", "URL", "Filename", "Length", "MD5", "Description")


@dataclass(frozen=True)
class ResolvedAsset:
    """An input asset with its row.

    Attributes:
        spec: What was asked for.
        table: Its asset table.
        row: RID, URL, Filename, Length, MD5 and Description.
    """

    spec: AssetSpec
    table: Table
    row: Row

    @property
    def rid(self) -> str:
        """The asset's RID."""
        return self.spec.rid


@dataclass(frozen=True)
class ResolvedInputs:
    """The inputs of a configuration with the rows they mean.

    Attributes:
        datasets: In the configuration's order, each pinned to a version.
        assets: In the configuration's order.
    """

    datasets: tuple[ResolvedDataset, ...] = ()
    assets: tuple[ResolvedAsset, ...] = ()


def resolve_inputs(catalog: Catalog, configuration: ExecutionConfiguration) -> ResolvedInputs:
    """Find the rows of all inputs; local files must exist.

    Raises:
        NotFoundError: A RID, a version or a local file does not exist.
        UsageError: A RID is of another table than it was named for.
        ConflictError: A dataset is deleted.
    """
    for file in configuration.local_files:
        if not Path(file.path).is_file():
            raise NotFoundError(f"There is no file {safe(file.path)} to take as input")
    datasets = resolve_all(catalog, configuration.datasets) if configuration.datasets else []
    return ResolvedInputs(tuple(datasets), tuple(resolve_assets(catalog, configuration.asset_specs)))


def resolve_assets(catalog: Catalog, specs: Sequence[AssetSpec]) -> list[ResolvedAsset]:
    """Find the rows of assets, in their order: one request each for the table, then one a table for the rows.

    Raises:
        NotFoundError: A RID does not exist, or its row was deleted.
        UsageError: A RID is no asset.
    """
    found = locate(catalog, [spec.rid for spec in specs])
    schema = catalog.schema()
    tables: dict[str, Table] = {}
    for spec in specs:
        location = found.get(spec.rid)
        if location is None:
            raise NotFoundError(f"No row {spec.rid} in {catalog.target}", hint="Check the RID of the asset.")
        if location.deleted:
            raise NotFoundError(f"{spec.rid} was a row of {location.table} and is deleted")
        table = schema.tables.get(location.qualified_name)
        if table is None or not table.is_asset:
            what = f"{spec.rid} is a row of {location.table}, not an asset"
            raise UsageError(what, hint=f"Use --dataset {spec.rid}." if location.table == "Dataset" else "")
        tables[spec.rid] = table
    rows = _rows(catalog, tables)
    for spec in specs:
        if spec.rid not in rows:
            raise NotFoundError(f"{spec.rid} was deleted from {tables[spec.rid].name} a moment ago")
    return [ResolvedAsset(spec, tables[spec.rid], rows[spec.rid]) for spec in specs]


def pinned(configuration: ExecutionConfiguration, inputs: ResolvedInputs) -> ExecutionConfiguration:
    """The configuration with the version of every dataset written out."""
    return configuration.with_versions([_pin(resolved) for resolved in inputs.datasets])


def _pin(resolved: ResolvedDataset) -> Any:
    from dml.dataset.spec import DatasetSpec

    spec = resolved.spec
    values: dict[str, Any] = {name: getattr(spec, name) for name in spec.__dataclass_fields__}
    return DatasetSpec(**{**values, "version": resolved.row.version})


def check_workflow_types(catalog: Catalog, configuration: ExecutionConfiguration) -> ExecutionConfiguration:
    """The configuration with its workflow's types as the vocabulary names them.

    Raises:
        NotFoundError: One is no term; the nearest are named.
    """
    workflow = configuration.workflow
    if workflow is None or not workflow.workflow_type or workflow.workflow_rid:
        return configuration
    names = required_terms.require(catalog, required_terms.WORKFLOW_TYPE, workflow.workflow_type)
    return configuration if names == workflow.workflow_type else _with_types(configuration, names)


def _with_types(configuration: ExecutionConfiguration, names: list[str]) -> ExecutionConfiguration:
    workflow = configuration.workflow
    assert workflow is not None  # noqa: S101 - its types were just looked up
    same: Mapping[str, Any] = {name: getattr(workflow, name) for name in workflow.__dataclass_fields__}
    return replace(configuration, workflow=type(workflow)(**{**same, "workflow_type": names}))


def _rows(catalog: Catalog, tables: Mapping[str, Table]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for name in sorted({table.qualified_name for table in tables.values()}):
        wanted = [rid for rid, table in tables.items() if table.qualified_name == name]
        rows |= {str(row["RID"]): row for row in select(catalog, name, where={"RID": wanted}, columns=ASSET_COLUMNS)}
    return rows
