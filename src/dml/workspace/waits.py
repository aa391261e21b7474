"""The waits of commits: how many requests were retried, and what a commit is waiting for now.

For display only: another process can tell a commit that waits for its server from one that hangs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dml.workspace.redaction import redact
from dml.workspace.registry import Registry
from dml.workspace.times import parse_time


@dataclass(frozen=True)
class Wait:
    """The waits of one commit.

    Attributes:
        execution_rid: The execution that is committed.
        repeats: The number of requests retried since the commit began.
        note: What it is waiting for, for people; empty when it is not waiting.
        updated_at: When this was recorded.
    """

    execution_rid: str
    repeats: int
    note: str
    updated_at: datetime | None


def record_wait(registry: Registry, execution_rid: str, repeats: int, note: str) -> None:
    """Record the number of requests that a commit has retried and what it is waiting for."""
    with registry.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO dml_waits (execution_rid, repeats, note, updated_at) VALUES (?, ?, ?, ?)",
            (execution_rid, repeats, redact(note), registry.now()),
        )


def clear_wait(registry: Registry, execution_rid: str) -> None:
    """Remove the record of a commit's waits; writes nothing when there is none."""
    if execution_rid in list_waits(registry):
        with registry.transaction() as connection:
            connection.execute("DELETE FROM dml_waits WHERE execution_rid = ?", (execution_rid,))


def list_waits(registry: Registry) -> dict[str, Wait]:
    """The waits of running and of interrupted commits, by execution RID."""
    rows = registry.read(lambda connection: connection.execute("SELECT * FROM dml_waits").fetchall())
    return {
        row["execution_rid"]: Wait(row["execution_rid"], row["repeats"], row["note"], parse_time(row["updated_at"]))
        for row in rows
    }
