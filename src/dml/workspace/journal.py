"""The journal: what was done to each execution, when and by which process. Append-only, in the registry.

Messages and data are redacted before they are stored.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dml.workspace.redaction import redact, redact_data
from dml.workspace.registry import Registry
from dml.workspace.times import parse_time

_MESSAGE_LIMIT = 10_000
_DATA_LIMIT = 100_000


@dataclass(frozen=True)
class JournalEntry:
    """One entry of the journal.

    Attributes:
        sequence: Ascending in the order of writing, never reused.
        at: When it was written, aware, in UTC; None when the stored time cannot be read.
        execution_rid: The execution, or None for the whole workspace.
        pid: The process that wrote it.
        host: The machine of that process.
        kind: ``transition``, ``request``, ``error``, ``staged``, ``commit``, ``note`` or another word.
        message: For people.
        data: For programs.
    """

    sequence: int
    at: datetime | None
    execution_rid: str | None
    pid: int
    host: str
    kind: str
    message: str
    data: Mapping[str, Any]


def append(
    registry: Registry,
    kind: str,
    message: str,
    *,
    execution_rid: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> JournalEntry:
    """Write one entry durably, or as part of the caller's transaction.

    Raises:
        DmlError: The registry cannot be written.
    """
    text = redact(message[: 2 * _MESSAGE_LIMIT])[:_MESSAGE_LIMIT]
    size = len(json.dumps(dict(data or {}), default=str))
    stored = redact_data(data or {}) if size <= _DATA_LIMIT else {"omitted": f"{size} characters"}
    encoded = json.dumps(stored, sort_keys=True, default=str)
    pid, host, at = os.getpid(), socket.gethostname(), registry.now()
    with registry.transaction() as connection:
        sequence = connection.execute(
            "INSERT INTO dml_journal (at, execution_rid, pid, host, kind, message, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (at, execution_rid, pid, host, kind, text, encoded),
        ).lastrowid
    return JournalEntry(int(sequence or 0), parse_time(at), execution_rid, pid, host, kind, text, json.loads(encoded))


def entries(
    registry: Registry,
    execution_rid: str | None = None,
    *,
    after: int = 0,
    kinds: tuple[str, ...] = (),
    limit: int | None = None,
) -> list[JournalEntry]:
    """Entries in the order of writing.

    Args:
        registry: The registry.
        execution_rid: Only of this execution; all when None.
        after: Only with a greater sequence.
        kinds: Only of these kinds; all when empty.
        limit: Only the last ``limit`` entries.
    """
    query = (
        "SELECT * FROM dml_journal WHERE sequence > ? AND (? IS NULL OR execution_rid = ?)"
        " AND (? = '[]' OR kind IN (SELECT value FROM json_each(?))) ORDER BY sequence DESC LIMIT ?"
    )
    encoded = json.dumps(list(kinds))
    values = (after, execution_rid, execution_rid, encoded, encoded, -1 if limit is None else limit)
    rows = registry.read(lambda connection: connection.execute(query, values).fetchall())
    return [_entry(row) for row in reversed(rows)]


def follow(
    registry: Registry,
    execution_rid: str | None = None,
    *,
    after: int = 0,
    stop: Callable[[], bool] = lambda: False,
    wait: Callable[[float], None] = time.sleep,
    interval: float = 0.5,
) -> Iterator[JournalEntry]:
    """Yield the existing entries and then new ones, until ``stop`` returns True.

    Args:
        registry: Open for reading or writing.
        execution_rid: Only of this execution; all when None.
        after: Only with a greater sequence.
        stop: Called before each read; when it returns True, the entries written so far are the last.
        wait: Called with ``interval`` between two reads.
        interval: Seconds between two reads.
    """
    last = after
    while True:
        ending = stop()
        for entry in entries(registry, execution_rid, after=last):
            last = entry.sequence
            yield entry
        if ending:
            return
        wait(interval)


def last_transition(registry: Registry, execution_rid: str) -> JournalEntry | None:
    """The last recorded change of an execution's status; None when there is none."""
    transitions = entries(registry, execution_rid, kinds=("transition",), limit=1)
    return transitions[-1] if transitions else None


def _entry(row: sqlite3.Row) -> JournalEntry:
    try:
        data = json.loads(row["data"])
    except ValueError:
        data = {}
    values = {name: row[name] for name in ("sequence", "execution_rid", "pid", "host", "kind", "message")}
    return JournalEntry(**values, at=parse_time(row["at"]), data=data if isinstance(data, dict) else {})
