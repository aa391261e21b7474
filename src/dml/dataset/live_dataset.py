"""A version of a dataset as the catalog holds it: read without files and without a bag on disk.

The rows are those that an export would bring, found by the same walk; development versions are read as they are now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dml.dataset.export_scope import TableReader, edges_of, reach
from dml.dataset.lookup import ResolvedDataset
from dml.dataset.members import descendants

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Schema

__all__ = ["LiveDataset"]


class LiveDataset:
    """The rows of a dataset version, read at once when it is made.

    Args:
        catalog: Where to read.
        source: The version; its snapshot is read, the catalog as it is now for a development version.
    """

    def __init__(self, catalog: Catalog, source: ResolvedDataset) -> None:
        reader = source.reader(catalog)
        self._schema = reader.schema()
        edges = edges_of(self._schema, source.spec.exclude_tables)
        self._rows = reach(TableReader(reader), edges, [source.rid, *descendants(reader, [source.rid])])

    @property
    def schema(self) -> Schema:
        """The catalog's schema at that version."""
        return self._schema

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table, by RID; none when none belong to the version.

        Raises:
            NotFoundError: The catalog has no such table.
        """
        found = self._schema.table(table)
        rows = self._rows.get(found.qualified_name, {})
        return [{name: rows[rid].get(name) for name in found.column_names} for rid in sorted(rows)]
