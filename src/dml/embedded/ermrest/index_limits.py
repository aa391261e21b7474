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
from dml.embedded.ermrest.values import Stored

__all__ = ["compressed_size", "require_indexable"]

LONGEST_ROW = 2704
"""Bytes of the largest row of a btree index with pages of 8 KiB, as PostgreSQL's message says."""

_ROW_HEADER, _PLAIN_HEADER, _COMPRESSED_HEADER, _ALIGNMENT = 8, 4, 8, 8
_ALWAYS_FITS = LONGEST_ROW - _ROW_HEADER - _PLAIN_HEADER
_COMPRESSED_ABOVE = 2032 // 4
"""Values longer than this are compressed before they are put into an index (TOAST_INDEX_TARGET)."""

_LONGEST_MATCH, _SHORTEST_MATCH, _WINDOW, _LONG_MATCH = 273, 3, 4095, 18
_FIRST_SUCCESS = 1024
_WORTHWHILE = 0.75
_GOOD_MATCH = 128
_CANDIDATES = 64
"""Earlier places that are compared; PostgreSQL stops sooner the longer it looks, so that fewer are never too few."""


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


def compressed_size(data: bytes) -> int | None:
    """Bytes that PostgreSQL's pglz makes of some; None where it gives up and leaves them as they are.

    The encoding: items of one byte as it is, or of two bytes (three from a length of 18) for 3 to 273 bytes that
    occurred at most 4,095 bytes earlier, with one control byte for eight items. It gives up when nothing repeats in the
    first kilobyte or less than a quarter is saved. Above ``LONGEST_ROW`` the size is a lower bound.
    """
    size, items, position = 0, 0, 0
    seen: dict[bytes, list[int]] = {}
    limit = int(len(data) * _WORTHWHILE)
    matched = False
    while position < len(data):
        if items % 8 == 0:
            size += 1
        if size > LONGEST_ROW:
            return size  # too large already, whatever follows
        if size > limit or (not matched and size >= _FIRST_SUCCESS):
            return None
        length = _longest_match(data, position, seen)
        if length < _SHORTEST_MATCH:
            size, length = size + 1, 1
        else:
            size += 2 if length < _LONG_MATCH else 3
            matched = True
        for start in range(position, position + length):
            seen.setdefault(data[start : start + 4], []).append(start)
        position += length
        items += 1
    return size if size <= limit else None


def _longest_match(data: bytes, position: int, seen: dict[bytes, list[int]]) -> int:
    longest, good = 0, _GOOD_MATCH
    end = min(len(data), position + _LONGEST_MATCH)
    for earlier in reversed(seen.get(data[position : position + 4], ())[-_CANDIDATES:]):
        if position - earlier > _WINDOW or longest >= good:
            break
        length = 0
        while position + length < end and data[earlier + length] == data[position + length]:
            length += 1
        longest = max(longest, length)
        good -= good // 10
    return longest
