"""Counts of staged files and feature rows, and what of them still has to be uploaded; one query for all executions."""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dml.workspace.registry import Registry
from dml.workspace.schema import FEATURES, STAGED_FILES

__all__ = ["Pending", "StagedCount", "count_staged", "pending_work"]


@dataclass(frozen=True)
class StagedCount:
    """The files or feature rows that one execution has staged for one table, in one state.

    Attributes:
        execution_rid: The execution.
        kind: ``file`` or ``feature``.
        table: ``schema:Table``.
        status: ``pending``, ``failed`` or ``uploaded`` (text as stored).
        number: The number of files or rows.
        bytes: The total of the recorded sizes; 0 for feature rows.
        unsized: The number of files without a recorded size (staged by deriva-ml, or not yet written).
    """

    execution_rid: str
    kind: Literal["file", "feature"]
    table: str
    status: str
    number: int
    bytes: int
    unsized: int


@dataclass(frozen=True)
class Pending:
    """What one execution still has to upload.

    Attributes:
        files: Staged files that are not uploaded.
        bytes: The total of their recorded sizes.
        unsized: The number of them without a recorded size.
        features: Staged feature rows that are not uploaded.
    """

    files: int = 0
    bytes: int = 0
    unsized: int = 0
    features: int = 0

    def __bool__(self) -> bool:
        return bool(self.files or self.features)


def count_staged(
    registry: Registry, rids: Sequence[str] | None = None, *, pending_only: bool = False
) -> list[StagedCount]:
    """The counts by execution, kind, table and status.

    Args:
        registry: The registry.
        rids: Only these executions; all when None.
        pending_only: Leave out what is uploaded.
    """
    unfinished = " AND status <> 'uploaded'" if pending_only else ""
    selected = f"(? IS NULL OR execution_rid IN (SELECT value FROM json_each(?))){unfinished}"
    query = (
        "SELECT execution_rid, 'file', schema || ':' || asset_table AS tbl, status, count(*),"
        f" coalesce(sum(size), 0), count(*) - count(size) FROM ({STAGED_FILES}) WHERE {selected} GROUP BY 1, 3, 4"
        " UNION ALL SELECT execution_rid, 'feature', replace(feature_table, '.', ':'), status, count(*), 0, 0"
        f" FROM {FEATURES} WHERE {selected} GROUP BY 1, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    encoded = None if rids is None else json.dumps(list(rids))
    rows = registry.read(lambda connection: connection.execute(query, (encoded,) * 4).fetchall())
    return [StagedCount(*tuple(row)) for row in rows]


def pending_work(registry: Registry, rids: Sequence[str] | None = None) -> dict[str, Pending]:
    """What each execution still has to upload, by RID; executions without pending work are absent.

    Args:
        registry: The registry.
        rids: Only these executions; all when None.
    """
    totals: dict[str, Pending] = {}
    for count in count_staged(registry, rids, pending_only=True):
        total = totals.get(count.execution_rid, Pending())
        files, features = (count.number, 0) if count.kind == "file" else (0, count.number)
        totals[count.execution_rid] = Pending(
            total.files + files, total.bytes + count.bytes, total.unsized + count.unsized, total.features + features
        )
    return totals
