"""Remote writes that were decided on, recorded before they begin.

An intent has a token of ours. It is stored first; then the server leases a RID under that token; the RID is stored;
then the row is written under it; then the intent is done. Whatever dies in between, the next process finds the token,
asks for the lease again (the server gives the same RID) and writes the same row.
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
from dml.workspace.rows import values_for
from dml.workspace.times import read_time


@dataclass(frozen=True)
class Intent:
    """One decided remote write.

    Attributes:
        token: What the lease is asked for with.
        kind: What will be written: ``execution``, ``workflow``, ``asset``, ``feature``, ``association``, …
        subject: Which one, unique within kind and execution (a file's key, a workflow's URL and checksum).
        execution_rid: Whose it is; empty when of no execution (yet).
        payload: What is needed to finish it, JSON.
        rid: The leased RID, once there is one.
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
    """Record an intent, or return the one that is there for the same kind, subject and execution; see ``declare_all``.

    Args:
        registry: Open for writing.
        kind: As in ``Intent``.
        subject: As in ``Intent``.
        execution_rid: As in ``Intent``.
        payload: What is needed to finish it, JSON-like; secrets are taken out.
        token: A token that others derive the same way; a random UUID when None.
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
    """Record many intents of one kind, subject → payload, in one transaction; those that are there stay as they are."""
    now, known = registry.now(), tokens or {}
    rows = [
        (
            known.get(subject) or str(uuid.uuid4()),
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
        found = connection.execute(
            "SELECT * FROM dml_intents WHERE kind = ? AND execution_rid = ?"
            " AND subject IN (SELECT value FROM json_each(?))",
            (kind, execution_rid, json.dumps(list(payloads))),
        )
        return {row["subject"]: _intent(row) for row in found}


def record_leases(registry: Registry, leases: Mapping[str, str]) -> None:
    """Store leased RIDs, token → RID; a token that has its RID keeps it."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            "UPDATE dml_intents SET rid = ?, leased_at = ? WHERE token = ? AND rid IS NULL",
            [(rid, now, token) for token, rid in leases.items()],
        )


def assign_execution(registry: Registry, token: str, execution_rid: str) -> None:
    """Attach an intent that was declared before its execution had a RID."""
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
    """Forget intents whose remote write will never be made."""
    with registry.transaction() as connection:
        connection.executemany("DELETE FROM dml_intents WHERE token = ?", [(token,) for token in tokens])


def find_intents(
    registry: Registry, *, kind: str | None = None, execution_rid: str | None = None, unfinished: bool = False
) -> list[Intent]:
    """Intents in the order of their creation.

    Args:
        registry: The registry.
        kind: Only of this kind.
        execution_rid: Only of this execution; an empty text for those of none.
        unfinished: Only those that are not confirmed.
    """
    query = (
        "SELECT * FROM dml_intents WHERE (? IS NULL OR kind = ?) AND (? IS NULL OR execution_rid = ?)"
        " AND (NOT ? OR done_at IS NULL) ORDER BY created_at, rowid"
    )
    values = (kind, kind, execution_rid, execution_rid, int(unfinished))
    return registry.read(lambda connection: [_intent(row) for row in connection.execute(query, values)])


def _intent(row: sqlite3.Row) -> Intent:
    values = values_for(Intent, row)
    values["payload"] = json.loads(row["payload"])
    for name in ("created_at", "leased_at", "done_at"):
        values[name] = read_time(values[name])
    return Intent(**values)
