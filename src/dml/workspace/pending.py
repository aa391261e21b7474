"""What executions still have to bring to the catalog, counted in one query."""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from dml.workspace.registry import Registry
from dml.workspace.schema import ASSETS, FEATURES


@dataclass(frozen=True)
class Pending:
    """What one execution still has to bring to the catalog.

    Attributes:
        files: Staged files that are not uploaded.
        bytes: Their size as far as it was recorded.
        unsized: How many of them have no recorded size (deriva-ml staged them, or they are still to be written).
        features: Staged feature rows that are not uploaded.
    """

    files: int = 0
    bytes: int = 0
    unsized: int = 0
    features: int = 0

    def __bool__(self) -> bool:
        return bool(self.files or self.features)


def pending_work(registry: Registry, rids: Sequence[str] | None = None) -> dict[str, Pending]:
    """What each execution still has to bring to the catalog, in one query; executions without pending work are absent.

    Args:
        registry: The registry.
        rids: Only these executions; all when None.
    """
    query = (
        "SELECT execution_rid, sum(files) AS files, sum(bytes) AS bytes, sum(unsized) AS unsized,"
        " sum(features) AS features"
        " FROM (SELECT a.execution_rid, count(*) AS files, coalesce(sum(x.size), 0) AS bytes,"
        "  count(*) - count(x.size) AS unsized, 0 AS features"
        f'  FROM {ASSETS} AS a LEFT JOIN dml_assets AS x ON x.execution_rid = a.execution_rid AND x.key = a."key"'
        "  WHERE a.status <> 'uploaded' GROUP BY a.execution_rid"
        "  UNION ALL SELECT execution_rid, 0, 0, 0, count(*)"
        f"  FROM {FEATURES} WHERE status <> 'uploaded' GROUP BY execution_rid)"
        " WHERE ? IS NULL OR execution_rid IN (SELECT value FROM json_each(?)) GROUP BY execution_rid"
    )
    wanted = None if rids is None else json.dumps(list(rids))
    rows = registry.read(lambda connection: connection.execute(query, (wanted, wanted)).fetchall())
    return {row["execution_rid"]: Pending(row["files"], row["bytes"], row["unsized"], row["features"]) for row in rows}
