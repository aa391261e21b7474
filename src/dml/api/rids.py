"""RIDs: find the table of a row, link to it and cite it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dml.errors import NotFoundError

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.catalog.rows import RowLocation


def resolve_rid(self: DerivaML, rid: str) -> RowLocation:
    """The table that holds the row with this RID.

    Raises:
        NotFoundError: The catalog has no such row.
        UsageError: The RID is malformed.
    """
    return next(iter(self.resolve_rids([rid]).values()))


def resolve_rids(
    self: DerivaML, rids: Iterable[str], candidate_tables: Sequence[str] | None = None
) -> dict[str, RowLocation]:
    """The tables that hold rows, by RID; one request per RID, or per candidate table, sent in parallel.

    Args:
        rids: RIDs of the rows.
        candidate_tables: The tables to search, when they are known; cheaper for many RIDs.

    Raises:
        NotFoundError: The catalog, or every candidate table, lacks one of the rows.
        UsageError: A RID is malformed.
    """
    from functools import partial

    from dml.catalog.concurrency import gather
    from dml.catalog.rows import RowLocation, locate, select, validate_rid

    unique = list(dict.fromkeys(validate_rid(rid) for rid in rids))
    if candidate_tables is None:
        locations = locate(self.catalog, unique)
    else:
        tables = [self.catalog.schema().table(name) for name in candidate_tables]
        results = gather(
            [
                partial(select, self.catalog, table.qualified_name, where={"RID": unique}, columns=["RID"])
                for table in tables
            ]
        )
        locations = {
            str(row["RID"]): RowLocation(str(row["RID"]), table.schema, table.name, deleted=False)
            for table, rows in zip(tables, results, strict=True)
            for row in rows
        }
    missing = [rid for rid in unique if rid not in locations]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise NotFoundError(f"No row {missing[0]} in {self.catalog.target}{more}")
    return {rid: locations[rid] for rid in unique}


def chaise_url(self: DerivaML, rid: str) -> str:
    """The web page of a row.

    Args:
        rid: RID of the row, or an object that has one.
    """
    return self.catalog.chaise_path(_rid_of(rid))


def cite(self: DerivaML, entity: Any, current: bool = False) -> str:
    """A permanent link to a row, as it is now or, with ``current``, as it will be when the link is opened.

    Args:
        entity: RID of the row, a row as a mapping, or an object that has a RID.
        current: Link to the latest state of the row instead of the current snapshot.

    Raises:
        NotFoundError: The catalog has no such row.
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
