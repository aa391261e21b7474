"""Assets and files registered by reference: create tables, find rows, see which executions used them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dml.api.execution_record import ExecutionRecord, records_of
from dml.asset import execution_edges, lookup
from dml.asset.execution_edges import AssetEdge
from dml.asset.lookup import Asset

if TYPE_CHECKING:
    from dml.api.dataset_handle import DatasetHandle
    from dml.api.deriva_ml import DerivaML
    from dml.asset.file_spec import FileSpec
    from dml.catalog.model import Table

_FILE = "deriva-ml:File"


def create_asset(
    self: DerivaML, name: str, column_defs: Sequence[Any] = (), comment: str = "", schema: str | None = None
) -> Table:
    """Create an asset table and its association tables unless they exist. Writes the catalog.

    Args:
        name: ``Table`` or ``schema:Table``.
        column_defs: Columns beyond those that every asset table has.
        comment: Description of the table, Markdown.
        schema: Schema of a bare table name; the default schema when None.

    Raises:
        UsageError: The name is bare and there is no default schema.
    """
    from dml.catalog.definitions import create_asset_table

    return create_asset_table(self.catalog, self._new_table_name(name, schema), columns=column_defs, comment=comment)


def lookup_asset(self: DerivaML, rid: str) -> Asset:
    """The asset with this RID.

    Raises:
        NotFoundError: The catalog has no such row.
        UsageError: The row is not in an asset table.
    """
    return lookup.find_asset(self.catalog, rid)


def find_assets(self: DerivaML, asset_table: str | None = None, asset_type: str | None = None) -> list[Asset]:
    """The assets of one table, or of all, sorted by table and file name; two requests per table.

    Args:
        asset_table: ``Table`` or ``schema:Table``; all asset tables when None.
        asset_type: Return only assets that have this ``Asset_Type`` term.
    """
    from dml.asset.list_assets import list_assets

    assets, _ = list_assets(self.catalog, table=asset_table, asset_type=asset_type)
    return sorted(assets, key=lambda asset: (asset.table, asset.filename, asset.rid))


def list_assets(self: DerivaML, asset_table: str) -> list[Asset]:
    """The assets of a table, sorted by file name."""
    return self.find_assets(asset_table)


def list_asset_tables(self: DerivaML) -> list[Table]:
    """The asset tables of the catalog."""
    return list(self.catalog.schema().asset_tables())


def asset_record_class(self: DerivaML, asset_table: str) -> type[Any]:
    """The class whose instances ``asset_file_path`` accepts as ``metadata`` for a table.

    Raises:
        NotFoundError: The catalog has no such table.
        UsageError: The table is not an asset table.
    """
    from dml.asset.record_class import asset_record_class as record_class
    from dml.asset.tables import asset_table as find_table

    return record_class(find_table(self.catalog.schema(), asset_table))


def list_asset_executions(self: DerivaML, asset_rid: str, asset_role: str | None = None) -> list[ExecutionRecord]:
    """The executions that read or wrote an asset, oldest first.

    Args:
        asset_rid: RID of the asset.
        asset_role: Return only executions that read the asset (``Input``) or that wrote it (``Output``).
    """
    table = self.resolve_rid(asset_rid).qualified_name
    rows = execution_edges.consumers(self.catalog, table, asset_rid, asset_role)
    return records_of(self.catalog, rows)


def list_execution_assets(self: DerivaML, execution_rid: str, asset_role: str | None = None) -> list[AssetEdge]:
    """The assets that an execution read (role ``Input``) or wrote (``Output``); both when ``asset_role`` is None."""
    return execution_edges.asset_edges(self.catalog, execution_rid, asset_role)


def add_files(
    self: DerivaML,
    files: Iterable[FileSpec],
    execution_rid: str,
    dataset_types: str | Sequence[str] | None = None,
    description: str = "",
) -> DatasetHandle:
    """Register files by reference for the execution with this RID; see ``Execution.add_files``. Writes the catalog."""
    from dml.api.dataset_handle import DatasetHandle
    from dml.execution.add_files import add_files as add

    types = [dataset_types] if isinstance(dataset_types, str) else list(dataset_types or ())
    rid = self.lookup_execution(execution_rid).execution_rid
    dataset = add(self.catalog, rid, files, dataset_types=types, description=description)
    return DatasetHandle(self.catalog, dataset.rid, self, rid)


def list_files(self: DerivaML, file_types: Sequence[str] | None = None) -> list[Asset]:
    """The files registered by reference; with ``file_types``, only those that have any of these types."""
    files = self.find_assets(_FILE)
    return [file for file in files if file_types is None or set(file_types) & set(file.types)]
