"""The registry's inputs of executions: what was requested, the pinned version, and how far each has been fetched."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dml.workspace.registry import Registry

InputKind = Literal["dataset", "asset", "file"]
InputState = Literal["declared", "linked", "fetched"]


@dataclass(frozen=True)
class InputRecord:
    """One input of one execution.

    Attributes:
        kind: ``dataset``, ``asset`` or ``file`` (a local file, whose ``rid`` is its path until the catalog has a row).
        rid: The dataset's or asset's RID.
        version: A dataset's pinned version.
        version_rid: The RID of that version's row.
        options: How it was requested (``cache``, ``materialize``, …), JSON.
        state: ``declared``, ``linked`` (the catalog has the provenance edge) or ``fetched`` (it is also on disk).
        path: Where it is on disk once fetched.
    """

    kind: InputKind
    rid: str
    version: str | None = None
    version_rid: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    state: InputState = "declared"
    path: str | None = None


def declare_inputs(registry: Registry, execution_rid: str, inputs: Sequence[InputRecord]) -> None:
    """Record inputs in their order, in one transaction; a known input keeps its state and path."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            "INSERT INTO dml_inputs (execution_rid, kind, rid, position, version, version_rid, options, state, path,"
            " updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (execution_rid, kind, rid) DO UPDATE SET"
            " version = excluded.version, version_rid = excluded.version_rid, options = excluded.options",
            [
                (
                    execution_rid,
                    item.kind,
                    item.rid,
                    position,
                    item.version,
                    item.version_rid,
                    json.dumps(dict(item.options), sort_keys=True),
                    item.state,
                    item.path,
                    now,
                )
                for position, item in enumerate(inputs)
            ],
        )


def mark_inputs(
    registry: Registry,
    execution_rid: str,
    keys: Sequence[tuple[str, str]],
    state: InputState,
    *,
    path: str | None = None,
) -> None:
    """Set the state of inputs, given as (kind, RID), and their path unless it is None."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            "UPDATE dml_inputs SET state = ?, path = coalesce(?, path), updated_at = ?"
            " WHERE execution_rid = ? AND kind = ? AND rid = ?",
            [(state, path, now, execution_rid, kind, rid) for kind, rid in keys],
        )


def list_inputs(registry: Registry, execution_rid: str) -> list[InputRecord]:
    """The inputs of an execution, in the order in which they were declared."""
    query = "SELECT * FROM dml_inputs WHERE execution_rid = ? ORDER BY position, kind, rid"
    return registry.read(lambda connection: [_record(row) for row in connection.execute(query, (execution_rid,))])


def list_all_inputs(registry: Registry) -> list[tuple[str, InputRecord]]:
    """The inputs of all executions, each with the execution's RID."""
    query = "SELECT * FROM dml_inputs ORDER BY execution_rid, position, kind, rid"
    return registry.read(lambda connection: [(row["execution_rid"], _record(row)) for row in connection.execute(query)])


def _record(row: sqlite3.Row) -> InputRecord:
    names = ("kind", "rid", "version", "version_rid", "state", "path")
    return InputRecord(**{name: row[name] for name in names}, options=json.loads(row["options"]))
