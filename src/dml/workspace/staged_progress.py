"""The upload progress of the staged files of several executions, in one query."""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from dml.workspace.registry import Registry
from dml.workspace.schema import STAGED_FILES

_QUERY = (
    "SELECT a.execution_rid, a.key, a.status, a.error, coalesce(a.size, u.size), u.key IS NOT NULL,"
    " coalesce(u.chunk_size, 0), coalesce(u.chunks_done, 0), coalesce(u.bytes_done, 0)"
    f" FROM ({STAGED_FILES}) AS a LEFT JOIN dml_uploads AS u ON u.execution_rid = a.execution_rid AND u.key = a.key"
    " WHERE a.execution_rid IN (SELECT value FROM json_each(?)) ORDER BY a.execution_rid, a.key"
)


@dataclass(frozen=True)
class StagedProgress:
    """A staged file and how much of it Hatrac has confirmed.

    Attributes:
        key: ``Table/filename``.
        status: ``pending``, ``uploaded`` or ``failed`` (text as stored).
        error: Why it failed.
        size: Bytes; None when not recorded.
        is_uploading: Whether an upload has begun and is not confirmed.
        chunk_size: Bytes per chunk; 0 when no upload has begun.
        chunks_done: The number of confirmed chunks.
        bytes_done: Bytes sent, including those of the current chunk, as last recorded.
    """

    execution_rid: str
    key: str
    status: str
    error: str | None
    size: int | None
    is_uploading: bool
    chunk_size: int
    chunks_done: int
    bytes_done: int

    @property
    def chunks(self) -> int:
        """The number of chunks; 0 when unknown."""
        return -(-self.size // self.chunk_size) if self.size and self.chunk_size else 0

    @property
    def confirmed(self) -> int:
        """Bytes that Hatrac has confirmed."""
        if self.status == "uploaded":
            return self.size or 0
        return min(self.size or 0, self.chunks_done * self.chunk_size)

    @property
    def sent(self) -> int:
        """Bytes sent by a running commit, confirmed or not; a commit that stopped sends the unconfirmed ones again."""
        return max(self.confirmed, min(self.size or 0, self.bytes_done))

    @property
    def is_sent(self) -> bool:
        """Whether all bytes have been sent, as last recorded; the row may not have been inserted yet."""
        return self.status == "uploaded" or (self.is_uploading and self.size is not None and self.sent >= self.size > 0)


def list_staged_progress(registry: Registry, rids: Sequence[str]) -> list[StagedProgress]:
    """The staged files of executions, by execution and key."""
    if not rids:
        return []
    encoded = json.dumps(list(rids))
    rows = registry.read(lambda connection: connection.execute(_QUERY, (encoded,)).fetchall())
    return [StagedProgress(row[0], row[1], row[2], row[3], row[4], bool(row[5]), *row[6:9]) for row in rows]
