"""What commits wait for: how often requests had to be sent again, and a line about the wait that is under way.

Another process reads it to tell a commit that waits for its server from one that hangs. Nothing is decided by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dml.workspace.redaction import redact
from dml.workspace.registry import Registry
from dml.workspace.times import read_time


@dataclass(frozen=True)
class Waiting:
    """What a commit told of its waits.

    Attributes:
        execution_rid: The execution that is committed.
        repeats: Requests that were sent again since the commit began.
        note: What it waits for, for people; empty when it goes on.
        updated_at: When it said so.
    """

    execution_rid: str
    repeats: int
    note: str
    updated_at: datetime | None


def tell_wait(registry: Registry, execution_rid: str, repeats: int, note: str) -> None:
    """Store how many requests a commit has repeated and what it waits for."""
    with registry.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO dml_waits (execution_rid, repeats, note, updated_at) VALUES (?, ?, ?, ?)",
            (execution_rid, repeats, redact(note), registry.now()),
        )


def forget_waits(registry: Registry, execution_rid: str) -> None:
    """Forget what a commit told; writes nothing when it told nothing."""
    if execution_rid in list_waits(registry):
        with registry.transaction() as connection:
            connection.execute("DELETE FROM dml_waits WHERE execution_rid = ?", (execution_rid,))


def list_waits(registry: Registry) -> dict[str, Waiting]:
    """What commits told, by RID: of those under way, and of those that were interrupted since."""
    rows = registry.read(lambda connection: connection.execute("SELECT * FROM dml_waits").fetchall())
    return {
        row["execution_rid"]: Waiting(row["execution_rid"], row["repeats"], row["note"], read_time(row["updated_at"]))
        for row in rows
    }
