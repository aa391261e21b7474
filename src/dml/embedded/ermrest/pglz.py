"""How far PostgreSQL compresses a value before it puts it into an index: the size that its pglz leaves, no more."""

from __future__ import annotations

__all__ = ["LONGEST_ROW", "compressed_size"]

LONGEST_ROW = 2704
"""Bytes of the largest row of a btree index with pages of 8 KiB, as PostgreSQL's message says."""

_LONGEST_MATCH, _SHORTEST_MATCH, _WINDOW, _LONG_MATCH = 273, 3, 4095, 18
_FIRST_SUCCESS = 1024
_WORTHWHILE = 0.75
_GOOD_MATCH = 128
_CANDIDATES = 64
"""Earlier places that are compared; PostgreSQL stops sooner the longer it looks, so that fewer are never too few."""


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
