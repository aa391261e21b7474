"""Assets and files by reference: making tables, finding rows, who read and wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dml.api.execution_record import ExecutionRecord, record_of
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
    """Make an asset table with its associations, unless they are there. Writes the catalog."""
    from dml.catalog.definitions import create_asset_table

    return create_asset_table(self.catalog, self.new_table_name(name, schema), columns=column_defs, comment=comment)


def lookup_asset(self: DerivaML, rid: str) -> Asset:
    """An asset by its RID.

    Raises:
        NotFoundError: There is no such row.
        UsageError: It is a row of something else.
    """
    return lookup.find_asset(self.catalog, rid)


def find_assets(self: DerivaML, asset_table: str | None = None, asset_type: str | None = None) -> list[Asset]:
    """The assets of a table, of all asset tables when None, by table and file name; two requests a table.

    Args:
        asset_table: ``Table`` or ``schema:Table``.
        asset_type: Only those of this type.
    """
    found, _ = lookup.list_assets(self.catalog, table=asset_table, asset_type=asset_type)
    return sorted(found, key=lambda one: (one.table, one.filename, one.rid))


def list_assets(self: DerivaML, asset_table: str) -> list[Asset]:
    """The assets of a table, by file name."""
    return self.find_assets(asset_table)


def list_asset_tables(self: DerivaML) -> list[Table]:
    """The asset tables of the catalog."""
    return list(self.catalog.schema().asset_tables())


def asset_record_class(self: DerivaML, asset_table: str) -> type[Any]:
    """A class whose instances ``asset_file_path`` takes as ``metadata`` for files of a table.

    Raises:
        NotFoundError: There is no such table.
        UsageError: It holds no files.
    """
    from dml.asset.record_class import asset_record_class as record_class

    return record_class(lookup.asset_table(self.catalog, asset_table))


def list_asset_executions(self: DerivaML, asset_rid: str, asset_role: str | None = None) -> list[ExecutionRecord]:
    """The executions that read or wrote an asset, the oldest first.

    Args:
        asset_rid: The asset.
        asset_role: Only those that read it (``Input``) or wrote it (``Output``).
    """
    table = self.resolve_rid(asset_rid).qualified_name
    rows = execution_edges.consumers(self.catalog, table, asset_rid, asset_role)
    return sorted((record_of(self.catalog, row) for row in rows), key=lambda one: (one.created, one.execution_rid))


def list_execution_assets(self: DerivaML, execution_rid: str, asset_role: str | None = None) -> list[AssetEdge]:
    """The assets that an execution read and wrote, or only those of one role."""
    return execution_edges.asset_edges(self.catalog, execution_rid, asset_role)


def add_files(
    self: DerivaML,
    files: Iterable[FileSpec],
    execution_rid: str,
    dataset_types: str | Sequence[str] | None = None,
    description: str = "",
) -> DatasetHandle:
    """Make files known by reference, as ``Execution.add_files`` does, for an execution given by RID."""
    from dml.api.dataset_handle import DatasetHandle
    from dml.execution.add_files import add_files as add

    types = [dataset_types] if isinstance(dataset_types, str) else list(dataset_types or ())
    rid = self.lookup_execution(execution_rid).execution_rid
    made = add(self.catalog, rid, files, dataset_types=types, description=description)
    return DatasetHandle(self.catalog, made.rid, self, rid)


def list_files(self: DerivaML, file_types: Sequence[str] | None = None) -> list[Asset]:
    """The files that are known by reference, those of any of these types when given."""
    found = self.find_assets(_FILE)
    return [one for one in found if file_types is None or set(file_types) & set(one.types)]
