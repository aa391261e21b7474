"""How far the staged files of several executions are on their way to the catalog, in one query. Only looks."""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from dml.workspace.registry import Registry
from dml.workspace.schema import ASSETS

_QUERY = (
    'SELECT a.execution_rid, a."key", a.status, a.error, coalesce(x.size, u.size), u.key IS NOT NULL,'
    " coalesce(u.chunk_size, 0), coalesce(u.chunks_done, 0), coalesce(u.bytes_done, 0)"
    f" FROM {ASSETS} AS a"
    ' LEFT JOIN dml_assets AS x ON x.execution_rid = a.execution_rid AND x.key = a."key"'
    ' LEFT JOIN dml_uploads AS u ON u.execution_rid = a.execution_rid AND u.key = a."key"'
    ' WHERE a.execution_rid IN (SELECT value FROM json_each(?)) ORDER BY a.execution_rid, a."key"'
)


@dataclass(frozen=True)
class StagedFile:
    """A staged file and what the store has confirmed of it.

    Attributes:
        key: ``Table/filename``.
        status: ``pending``, ``uploaded`` or ``failed`` (text as stored).
        error: Why it failed.
        size: Bytes; None when not recorded.
        under_way: Whether its upload was begun and is not confirmed.
        chunk_size: Bytes of each piece; 0 when no upload was begun.
        chunks_done: Pieces that the store confirmed.
        bytes_done: Bytes that were sent, those of a piece under way included, as last told.
    """

    execution_rid: str
    key: str
    status: str
    error: str | None
    size: int | None
    under_way: bool
    chunk_size: int
    chunks_done: int
    bytes_done: int

    @property
    def chunks(self) -> int:
        """Into how many pieces it is cut; 0 when that is not known."""
        return -(-self.size // self.chunk_size) if self.size and self.chunk_size else 0

    @property
    def confirmed(self) -> int:
        """Bytes that the store has confirmed."""
        if self.status == "uploaded":
            return self.size or 0
        return min(self.size or 0, self.chunks_done * self.chunk_size)

    @property
    def sent(self) -> int:
        """Bytes on their way or there, for a commit that is under way; a commit that stopped keeps what is
        ``confirmed``, and sends the rest again."""
        return max(self.confirmed, min(self.size or 0, self.bytes_done))

    @property
    def is_sent(self) -> bool:
        """Whether the store has all its bytes, as last told; its row may still have to be inserted."""
        return self.status == "uploaded" or (self.under_way and self.size is not None and self.sent >= self.size > 0)


def list_staged(registry: Registry, rids: Sequence[str]) -> list[StagedFile]:
    """The staged files of executions, by execution and key."""
    if not rids:
        return []
    wanted = json.dumps(list(rids))
    rows = registry.read(lambda connection: connection.execute(_QUERY, (wanted,)).fetchall())
    return [StagedFile(row[0], row[1], row[2], row[3], row[4], bool(row[5]), *row[6:9]) for row in rows]
