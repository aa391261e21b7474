"""Values that a real server cannot index: PostgreSQL refuses a row of a btree index that is too large.

ERMrest builds a btree index on each column whose type is not ``json``, and one on each key. An index row may take 2,704
bytes after PostgreSQL has compressed its longest values (nbtree's third of a page; pglz), so that repeated text of any
length passes and text that does not compress passes up to about 2,690 bytes. What cannot be indexed there is refused
here too: otherwise a program that works on a laptop fails in the laboratory.
"""

from __future__ import annotations

from collections.abc import Sequence

from werkzeug.exceptions import BadRequest

from dml.embedded.ermrest.model import Column, Table
from dml.embedded.ermrest.pglz import LONGEST_ROW, compressed_size
from dml.embedded.ermrest.values import Stored

__all__ = ["require_indexable"]

_ROW_HEADER, _PLAIN_HEADER, _COMPRESSED_HEADER, _ALIGNMENT = 8, 4, 8, 8
_ALWAYS_FITS = LONGEST_ROW - _ROW_HEADER - _PLAIN_HEADER
_COMPRESSED_ABOVE = 2032 // 4
"""Values longer than this are compressed before they are put into an index (TOAST_INDEX_TARGET)."""


def require_indexable(table: Table, columns: Sequence[Column], values: Sequence[Stored]) -> None:
    """Refuse a row with a value that PostgreSQL could not put into an index of the table.

    Args:
        table: For its keys.
        columns: The columns that are written.
        values: One for each of them, as stored.

    Raises:
        BadRequest: The index row would exceed ``LONGEST_ROW``; the text is PostgreSQL's (400).
    """
    long = {
        column.rid: size
        for column, value in zip(columns, values, strict=True)
        if isinstance(value, str) and column.type.name != "json" and (size := len(value.encode())) > _COMPRESSED_ABOVE
    }
    if not long:
        return
    by_column = {column.rid: str(value) for column, value in zip(columns, values, strict=True) if column.rid in long}
    sizes = {rid: _indexed_size(by_column[rid], size) for rid, size in long.items()}
    names = {column.rid: column.name for column in columns}
    groups = [(rid,) for rid in sizes] + [key.columns for key in table.keys]
    for group in groups:
        size = _aligned(_ROW_HEADER + sum(sizes.get(rid, 0) for rid in group))
        if size > LONGEST_ROW:
            column = names[max(group, key=lambda rid: sizes.get(rid, 0))]
            raise BadRequest(
                f'index row size {size} exceeds btree version 4 maximum {LONGEST_ROW} for column "{column}" of table '
                f'"{table.name}".'
            )


def _indexed_size(text: str, size: int) -> int:
    """Bytes of a value inside an index row."""
    compressed = compressed_size(text.encode()) if size > _ALWAYS_FITS // 2 else None
    return size + _PLAIN_HEADER if compressed is None else compressed + _COMPRESSED_HEADER


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
