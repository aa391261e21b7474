"""Intents: remote writes, recorded before they begin.

An intent is stored with a token that dml chooses. Then the server leases a RID for the token, the RID is stored, the
row is written with that RID, and the intent is finished. If the process is killed at any point, the next one finds the
token, leases again (the server returns the same RID) and writes the same row.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dml.workspace.redaction import redact_data
from dml.workspace.registry import Registry
from dml.workspace.rows import known_fields
from dml.workspace.times import parse_time


@dataclass(frozen=True)
class Intent:
    """One remote write.

    Attributes:
        token: The token of the lease.
        kind: What is written: ``execution``, ``workflow``, ``asset``, ``feature``, ``association``, …
        subject: Which one, unique within kind and execution (a file's key, a workflow's URL and checksum).
        execution_rid: The execution it belongs to; empty when there is none or it has no RID yet.
        payload: What is needed to finish it, JSON.
        rid: The leased RID; None before the lease.
    """

    token: str
    kind: str
    subject: str
    execution_rid: str
    payload: Mapping[str, Any]
    rid: str | None
    created_at: datetime | None
    leased_at: datetime | None
    done_at: datetime | None


def declare(
    registry: Registry,
    kind: str,
    subject: str,
    *,
    execution_rid: str = "",
    payload: Mapping[str, Any] | None = None,
    token: str | None = None,
) -> Intent:
    """Record an intent, or return the existing one of the same kind, subject and execution.

    Args:
        registry: Open for writing.
        kind, subject, execution_rid: As in ``Intent``.
        payload: What is needed to finish it, JSON-like; stored without secrets.
        token: A token that other processes derive in the same way; a random UUID when None.
    """
    tokens = None if token is None else {subject: token}
    return declare_all(registry, kind, {subject: payload or {}}, execution_rid=execution_rid, tokens=tokens)[subject]


def declare_all(
    registry: Registry,
    kind: str,
    payloads: Mapping[str, Mapping[str, Any]],
    *,
    execution_rid: str = "",
    tokens: Mapping[str, str] | None = None,
) -> dict[str, Intent]:
    """Record intents of one kind, subject → payload, in one transaction; existing ones are returned unchanged."""
    now = registry.now()
    rows = [
        (
            (tokens or {}).get(subject) or str(uuid.uuid4()),
            kind,
            subject,
            execution_rid,
            json.dumps(redact_data(payload), sort_keys=True, default=str),
            now,
        )
        for subject, payload in payloads.items()
    ]
    with registry.transaction() as connection:
        connection.executemany(
            "INSERT INTO dml_intents (token, kind, subject, execution_rid, payload, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            rows,
        )
        stored = connection.execute(
            "SELECT * FROM dml_intents WHERE kind = ? AND execution_rid = ?"
            " AND subject IN (SELECT value FROM json_each(?))",
            (kind, execution_rid, json.dumps(list(payloads))),
        )
        return {row["subject"]: _intent(row) for row in stored}


def record_leases(registry: Registry, leases: Mapping[str, str]) -> None:
    """Store leased RIDs, token → RID; a token that already has a RID keeps it."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            "UPDATE dml_intents SET rid = ?, leased_at = ? WHERE token = ? AND rid IS NULL",
            [(rid, now, token) for token, rid in leases.items()],
        )


def assign_execution(registry: Registry, token: str, execution_rid: str) -> None:
    """Assign an intent to its execution, which had no RID when the intent was declared."""
    with registry.transaction() as connection:
        connection.execute("UPDATE dml_intents SET execution_rid = ? WHERE token = ?", (execution_rid, token))


def finish(registry: Registry, tokens: Sequence[str]) -> None:
    """Record that the remote writes of these tokens are confirmed."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            "UPDATE dml_intents SET done_at = ? WHERE token = ? AND done_at IS NULL", [(now, token) for token in tokens]
        )


def withdraw(registry: Registry, tokens: Sequence[str]) -> None:
    """Remove intents whose remote write will not be made."""
    with registry.transaction() as connection:
        connection.executemany("DELETE FROM dml_intents WHERE token = ?", [(token,) for token in tokens])


def find_intents(
    registry: Registry, *, kind: str | None = None, execution_rid: str | None = None, unfinished: bool = False
) -> list[Intent]:
    """Intents in the order of their creation.

    Args:
        registry: The registry.
        kind: Only of this kind.
        execution_rid: Only of this execution; an empty string selects intents without one.
        unfinished: Only unconfirmed ones.
    """
    query = (
        "SELECT * FROM dml_intents WHERE (? IS NULL OR kind = ?) AND (? IS NULL OR execution_rid = ?)"
        " AND (NOT ? OR done_at IS NULL) ORDER BY created_at, rowid"
    )
    values = (kind, kind, execution_rid, execution_rid, int(unfinished))
    return registry.read(lambda connection: [_intent(row) for row in connection.execute(query, values)])


def _intent(row: sqlite3.Row) -> Intent:
    values = known_fields(Intent, row)
    values["payload"] = json.loads(row["payload"])
    for name in ("created_at", "leased_at", "done_at"):
        values[name] = parse_time(values[name])
    return Intent(**values)
