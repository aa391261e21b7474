"""Merging a database with the write-ahead log that a killed process left next to it, in memory.

SQLite opens such a pair only by writing: it creates the shared-memory file and, on closing, writes the log into the
database. A command that only reads must not do that, so the committed frames are applied to a copy here, by the rules
of SQLite's file format ("The WAL File"): frames are valid while their salts equal the header's and their cumulative
checksum is right, up to the last frame that ends a transaction.
"""

from __future__ import annotations

import struct

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGICS = {0x377F0682: "<", 0x377F0683: ">"}


def merge(database: bytes, log: bytes) -> bytes:
    """The bytes of the database with the committed frames of its log applied, marked as needing no log.

    A log that is empty, incomplete or damaged contributes its frames up to the last complete transaction.
    """
    pages, size = committed_pages(log)
    image = bytearray(database)
    if pages:
        page_size = len(next(iter(pages.values())))
        image = image[: size * page_size].ljust(size * page_size, b"\0")
        for number, content in pages.items():
            if number <= size:
                image[(number - 1) * page_size : number * page_size] = content
    if len(image) >= 100:
        image[18:20] = b"\x01\x01"  # file format read and write version 1: no log
    return bytes(image)


def committed_pages(log: bytes) -> tuple[dict[int, bytes], int]:
    """The last committed content of every page in a log, and the database's size in pages after it (0 if none)."""
    if len(log) < _HEADER.size:
        return {}, 0
    magic, _, page_size, _, salt_1, salt_2, sum_1, sum_2 = _HEADER.unpack_from(log)
    order = _MAGICS.get(magic)
    if order is None or page_size not in {1 << power for power in range(9, 17)}:
        return {}, 0
    running = _checksum(log[:24], order, (0, 0))
    if running != (sum_1, sum_2):
        return {}, 0
    committed: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    size = 0
    for start in range(_HEADER.size, len(log) - _FRAME.size - page_size + 1, _FRAME.size + page_size):
        number, pages_after, frame_salt_1, frame_salt_2, sum_1, sum_2 = _FRAME.unpack_from(log, start)
        content = log[start + _FRAME.size : start + _FRAME.size + page_size]
        if (frame_salt_1, frame_salt_2) != (salt_1, salt_2) or number == 0:
            break
        running = _checksum(content, order, _checksum(log[start : start + 8], order, running))
        if running != (sum_1, sum_2):
            break
        pending[number] = content
        if pages_after:
            committed |= pending
            pending, size = {}, pages_after
    return committed, size


def _checksum(content: bytes, order: str, start: tuple[int, int]) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
