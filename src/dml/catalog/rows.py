"""Rows of a catalog: reading, inserting, updating and deleting them, and leasing RIDs.

Tables are named ``schema:Table``. Callers import this module; the parts are in ``read_rows``, ``write_rows`` and
``rids``.
"""

from dml.catalog.read_rows import Row, count, read, select, stream
from dml.catalog.rids import RowLocation, lease_rids, locate, validate_rid
from dml.catalog.url import quote
from dml.catalog.write_rows import PAGE_BYTES, PAGE_ROWS, compare_and_set, delete, insert, update

__all__ = [
    "PAGE_BYTES",
    "PAGE_ROWS",
    "Row",
    "RowLocation",
    "compare_and_set",
    "count",
    "delete",
    "insert",
    "lease_rids",
    "locate",
    "quote",
    "read",
    "select",
    "stream",
    "update",
    "validate_rid",
]
