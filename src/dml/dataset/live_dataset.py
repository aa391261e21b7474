"""A dataset version read from the catalog, without a bag on disk and without files.

The rows are the ones that an export would contain; a development version is read as it is now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dml.dataset.export_scope import TableReader, collect_rows, references_of
from dml.dataset.members import descendants

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Schema
    from dml.dataset.records import ResolvedDataset

__all__ = ["LiveDataset"]


class LiveDataset:
    """The rows of a dataset version, all read when the object is created.

    Args:
        catalog: Where to read.
        source: The version.
    """

    def __init__(self, catalog: Catalog, source: ResolvedDataset) -> None:
        reader = source.reader(catalog)
        self._schema = reader.schema()
        references = references_of(self._schema, source.spec.exclude_tables)
        datasets = [source.rid, *descendants(reader, [source.rid])]
        self._rows = collect_rows(TableReader(reader), references, datasets)

    @property
    def schema(self) -> Schema:
        """The catalog's schema at that version."""
        return self._schema

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table that belong to the version, by RID.

        Raises:
            NotFoundError: The catalog has no such table.
        """
        definition = self._schema.table(table)
        rows = self._rows.get(definition.qualified_name, {})
        return [{name: rows[rid].get(name) for name in definition.column_names} for rid in sorted(rows)]
