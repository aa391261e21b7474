"""Inserting staged feature rows under leased RIDs, with the names of staged files replaced by RIDs.

A feature row has no natural key that includes its value, so each row is inserted under a RID that was leased for it.
The token of the lease is recorded before the RID is leased, and the RID before the row is inserted: a repeated commit
inserts the same rows under the same RIDs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dml.catalog.rows import Row, insert, lease_rids, select
from dml.errors import ConflictError, NotFoundError
from dml.safe_text import safe
from dml.workspace import assets, features, intents
from dml.workspace.features import FeatureRow

if TYPE_CHECKING:
    from dml.catalog.schema import Feature, Schema
    from dml.workspace.session import WorkspaceSession

PAGE = 1_000
KIND = "feature"
"""Kind of the intent to insert a feature row."""

_SERVER_COLUMNS = frozenset({"RID", "RCT", "RMT", "RCB", "RMB"})


def insert_features(session: WorkspaceSession, rid: str, rows: Sequence[FeatureRow]) -> int:
    """Insert staged feature rows and mark them uploaded, page by page. Writes catalog and registry; can be repeated.

    Returns:
        How many of the rows are in the catalog now.

    Raises:
        ConflictError: A row conflicts with another row, or names a file that is not in the catalog.
        NotFoundError: A feature table no longer exists.
    """
    asset_rids = {row.key: row.rid for row in assets.list_assets(session.registry, rid, statuses=["uploaded"])}
    inserted = 0
    for name in sorted({row.feature_table for row in rows}):
        feature = _feature(session.catalog.schema(), name)
        for page in _pages([row for row in rows if row.feature_table == name]):
            _insert_page(session, rid, feature, page, asset_rids)
            inserted += len(page)
    return inserted


def _feature(schema: Schema, table: str) -> Feature:
    """The feature whose values are in a table, given as the registry has it: ``schema.Table``, or ``schema:Table``."""
    name = table if ":" in table else table.replace(".", ":", 1)
    for feature in schema.feature_tables():
        if feature.table.qualified_name == name:
            return feature
    raise NotFoundError(f"The catalog has no feature table {safe(table)}", hint="dml feature list")


def _insert_page(
    session: WorkspaceSession,
    rid: str,
    feature: Feature,
    page: Sequence[FeatureRow],
    asset_rids: Mapping[str, str | None],
) -> None:
    leases = _lease(session, rid, page)
    rows = [{**_values(feature, row, rid, asset_rids), "RID": leases[row.stage_id][1]} for row in page]
    table = feature.table.qualified_name
    stored = {str(row["RID"]) for row in insert(session.catalog, table, rows, on_conflict="skip", keep_rids=True)}
    skipped = [row["RID"] for row in rows if row["RID"] not in stored]
    if skipped:
        # Skipped rows were inserted by an interrupted commit, unless their key belongs to a row with another RID.
        stored |= {str(row["RID"]) for row in select(session.catalog, table, where={"RID": skipped}, columns=["RID"])}
    conflicting = {row["RID"] for row in rows} - stored
    if conflicting:
        _raise_conflict(session, rid, feature, [staged for staged in page if leases[staged.stage_id][1] in conflicting])
    with session.registry.transaction():
        features.mark_features_uploaded(session.registry, [row.stage_id for row in page])
        intents.finish(session.registry, [token for token, _ in leases.values()])


def _lease(session: WorkspaceSession, rid: str, page: Sequence[FeatureRow]) -> dict[int, tuple[str, str]]:
    """Token and RID of each row of a page, by stage id."""
    declared = intents.declare_all(session.registry, KIND, {str(row.stage_id): {} for row in page}, execution_rid=rid)
    tokens = [intent.token for intent in declared.values() if intent.rid is None]
    rids = lease_rids(session.catalog, tokens) if tokens else {}
    intents.record_leases(session.registry, rids)
    return {int(subject): (intent.token, intent.rid or rids[intent.token]) for subject, intent in declared.items()}


def _values(feature: Feature, row: FeatureRow, rid: str, asset_rids: Mapping[str, str | None]) -> Row:
    values: Row = {name: value for name, value in row.record.items() if name not in _SERVER_COLUMNS}
    values["Execution"] = rid
    values["Feature_Name"] = row.feature_name
    for column in feature.asset_columns:
        if isinstance(values.get(column), str):
            values[column] = _asset_rid(values[column], asset_rids, feature)
    return values


def _asset_rid(value: str, asset_rids: Mapping[str, str | None], feature: Feature) -> str:
    """The RID for a value that is a RID, or a path that ends in ``Table/filename`` of a staged file."""
    if "/" not in value:
        return value
    key = "/".join(value.split("/")[-2:])
    rid = asset_rids.get(key)
    if rid is None:
        raise ConflictError(
            f"A value of {feature.name} is the file {safe(value)}, which is not uploaded",
            hint=f"Stage it as {safe(key)}, or give the RID of an asset.",
        )
    return rid


def _raise_conflict(session: WorkspaceSession, rid: str, feature: Feature, rows: Sequence[FeatureRow]) -> None:
    message = "The catalog has another value for this row by the same execution"
    features.mark_features_failed(session.registry, {row.stage_id: message for row in rows})
    first: Any = rows[0].record.get(feature.target_column)
    raise ConflictError(
        f"{len(rows)} staged rows of {feature.name} conflict with existing rows, the first for"
        f" {feature.target.name} {safe(first)}",
        hint=f"An execution gives a row one value of a feature; unstage them with `dml exec unstage {rid} --features`.",
    )


def _pages(rows: Sequence[FeatureRow]) -> Iterator[Sequence[FeatureRow]]:
    for begin in range(0, len(rows), PAGE):
        yield rows[begin : begin + PAGE]
