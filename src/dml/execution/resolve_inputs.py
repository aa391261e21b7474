"""Checking a configuration against the catalog, and finding the rows of its inputs. Only reads.

The number of requests does not depend on the number of datasets; each asset costs one request, which finds its table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.catalog.rows import Row, locate, select
from dml.dataset.lookup import resolve_all
from dml.dataset.records import ResolvedDataset
from dml.dataset.spec import DatasetSpec
from dml.errors import NotFoundError, UsageError
from dml.execution.configuration import AssetSpec, ExecutionConfiguration
from dml.execution.resolve_workflow import check_workflow_types
from dml.safe_text import safe
from dml.workspace.inputs import InputRecord

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

_ASSET_COLUMNS = ("RID", "URL", "Filename", "Length", "MD5", "Description")


@dataclass(frozen=True)
class ResolvedAsset:
    """An input asset with its row.

    Attributes:
        spec: The asset as the configuration names it.
        table: Its asset table.
        row: RID, URL, Filename, Length, MD5 and Description.
    """

    spec: AssetSpec
    table: Table
    row: Row

    @property
    def rid(self) -> str:
        """RID of the asset."""
        return self.spec.rid


def resolve_configuration(
    catalog: Catalog, configuration: ExecutionConfiguration
) -> tuple[ExecutionConfiguration, list[InputRecord]]:
    """Check a configuration against the catalog: inputs, versions and workflow types.

    Returns:
        The configuration with its datasets pinned to versions and its workflow types spelled as in the vocabulary, and
        its inputs as the registry records them, in its order.

    Raises:
        NotFoundError: A RID, a version, a term or a local file does not exist.
        UsageError: A RID belongs to another kind of table than it was given for.
        ConflictError: A dataset is deleted.
    """
    configuration = check_workflow_types(catalog, configuration)
    for file in configuration.local_files:
        if not Path(file.path).is_file():
            raise NotFoundError(f"There is no file {safe(file.path)} to take as input")
    datasets = resolve_all(catalog, configuration.datasets) if configuration.datasets else []
    assets = resolve_assets(catalog, configuration.asset_specs)
    records = [
        *map(dataset_record, datasets),
        *map(asset_record, assets),
        *(InputRecord("file", str(Path(file.path).absolute())) for file in configuration.local_files),
    ]
    return configuration.with_versions([_pinned(dataset) for dataset in datasets]), records


def dataset_record(dataset: ResolvedDataset) -> InputRecord:
    """An input dataset as the registry records it."""
    options = {"materialize": dataset.spec.materialize}
    return InputRecord("dataset", dataset.rid, version=dataset.row.text, version_rid=dataset.row.rid, options=options)


def asset_record(asset: ResolvedAsset) -> InputRecord:
    """An input asset as the registry records it."""
    options = {"cache": asset.spec.cache, "table": asset.table.qualified_name, "row": asset.row}
    return InputRecord("asset", asset.rid, options=options)


def resolve_assets(catalog: Catalog, specs: Sequence[AssetSpec]) -> list[ResolvedAsset]:
    """Find the rows of assets, in their order: one request each for the table, then one for the rows of each table.

    Raises:
        NotFoundError: A RID does not exist, or its row was deleted.
        UsageError: A RID does not belong to an asset.
    """
    locations = locate(catalog, [spec.rid for spec in specs])
    schema = catalog.schema()
    tables: dict[str, Table] = {}
    for spec in specs:
        location = locations.get(spec.rid)
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


def _pinned(dataset: ResolvedDataset) -> DatasetSpec:
    values: dict[str, Any] = {field.name: getattr(dataset.spec, field.name) for field in fields(DatasetSpec)}
    return DatasetSpec(**{**values, "version": dataset.row.version})


def _rows(catalog: Catalog, tables: Mapping[str, Table]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for name in sorted({table.qualified_name for table in tables.values()}):
        rids = [rid for rid, table in tables.items() if table.qualified_name == name]
        rows |= {str(row["RID"]): row for row in select(catalog, name, where={"RID": rids}, columns=_ASSET_COLUMNS)}
    return rows
