"""How many files and feature rows of each table executions have staged, and in which state: one query for all."""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dml.workspace.registry import Registry
from dml.workspace.schema import ASSETS, FEATURES

__all__ = ["StagedCount", "count_staged"]


@dataclass(frozen=True)
class StagedCount:
    """What one execution has staged for one table in one state.

    Attributes:
        execution_rid: Whose it is.
        kind: ``file`` or ``feature``.
        table: ``schema:Table``.
        status: ``pending``, ``failed`` or ``uploaded`` (text as stored).
        number: How many.
        bytes: Their size as far as it was recorded; 0 for feature rows.
        unsized: How many files have no recorded size.
    """

    execution_rid: str
    kind: Literal["file", "feature"]
    table: str
    status: str
    number: int
    bytes: int
    unsized: int


def count_staged(registry: Registry, rids: Sequence[str] | None = None) -> list[StagedCount]:
    """The counts of these executions, of all when None, by execution, kind, table and status."""
    query = (
        "SELECT execution_rid, kind, tbl, status, number, bytes, unsized FROM ("
        " SELECT a.execution_rid, 'file' AS kind, a.schema || ':' || a.asset_table AS tbl, a.status,"
        "  count(*) AS number, coalesce(sum(x.size), 0) AS bytes, count(*) - count(x.size) AS unsized"
        f' FROM {ASSETS} AS a LEFT JOIN dml_assets AS x ON x.execution_rid = a.execution_rid AND x.key = a."key"'
        " GROUP BY 1, 3, 4"
        " UNION ALL SELECT execution_rid, 'feature', replace(feature_table, '.', ':'), status, count(*), 0, 0"
        f" FROM {FEATURES} GROUP BY 1, 3, 4)"
        " WHERE ? IS NULL OR execution_rid IN (SELECT value FROM json_each(?)) ORDER BY 1, 2, 3, 4"
    )
    wanted = None if rids is None else json.dumps(list(rids))
    rows = registry.read(lambda connection: connection.execute(query, (wanted, wanted)).fetchall())
    return [StagedCount(*tuple(row)) for row in rows]
