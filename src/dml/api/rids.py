"""RIDs: in which table they are, and how they are shown and cited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dml.errors import NotFoundError

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.catalog.rows import RowLocation


def resolve_rid(self: DerivaML, rid: str) -> RowLocation:
    """In which table a RID is.

    Raises:
        NotFoundError: The catalog does not know it.
        UsageError: It is malformed.
    """
    return next(iter(self.resolve_rids([rid]).values()))


def resolve_rids(
    self: DerivaML, rids: Iterable[str], candidate_tables: Sequence[str] | None = None
) -> dict[str, RowLocation]:
    """In which tables RIDs are, by RID; one request each at the same time, or one a table that is named.

    Args:
        rids: The RIDs.
        candidate_tables: The tables they are in, where that is known: fewer requests for many RIDs.

    Raises:
        NotFoundError: The catalog does not know one, or none of the tables has it.
        UsageError: One is malformed.
    """
    from functools import partial

    from dml.catalog.concurrency import gather
    from dml.catalog.rows import RowLocation, locate, select, validate_rid

    wanted = list(dict.fromkeys(validate_rid(rid) for rid in rids))
    if candidate_tables is None:
        found = locate(self.catalog, wanted)
    else:
        tables = [self.catalog.schema().table(name) for name in candidate_tables]
        parts = gather(
            [
                partial(select, self.catalog, table.qualified_name, where={"RID": wanted}, columns=["RID"])
                for table in tables
            ]
        )
        found = {
            str(row["RID"]): RowLocation(str(row["RID"]), table.schema, table.name, deleted=False)
            for table, rows in zip(tables, parts, strict=True)
            for row in rows
        }
    missing = [rid for rid in wanted if rid not in found]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise NotFoundError(f"No row {missing[0]} in {self.catalog.target}{more}")
    return {rid: found[rid] for rid in wanted}


def chaise_url(self: DerivaML, rid: str) -> str:
    """Where people look at a row, given by RID or as any of the objects that have one."""
    return self.catalog.chaise_path(_rid_of(rid))


def cite(self: DerivaML, entity: Any, current: bool = False) -> str:
    """A link to a row that lasts: as it is at this moment, or with ``current`` as it will be.

    Args:
        entity: A RID, a row with a ``RID``, or any of the objects that have one.
        current: Link to the row as it is whenever it is looked at.

    Raises:
        NotFoundError: The catalog does not know it.
    """
    rid = self.resolve_rid(_rid_of(entity)).rid
    if current or self.is_snapshot:
        return self.catalog.chaise_path(rid)
    return self.catalog.at(self.catalog.snaptime()).chaise_path(rid)


def _rid_of(entity: Any) -> str:
    if isinstance(entity, dict):
        return str(entity.get("RID", ""))
    names = ("execution_rid", "dataset_rid", "asset_rid", "workflow_rid", "rid")
    return str(next((getattr(entity, name) for name in names if getattr(entity, name, None)), entity))
