"""Bringing staged feature rows to the catalog: leased RIDs, asset columns rewritten from file names to RIDs.

A feature row has no natural key that holds its value, so each is written under a RID of ours: the lease's token is in
the registry before the lease, the RID before the row.
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


def feature_of(schema: Schema, feature_table: str) -> Feature:
    """The feature whose values are in a table, given as ``schema.Table`` or ``schema:Table``.

    Raises:
        NotFoundError: The catalog has no such feature table.
    """
    name = feature_table.replace(".", ":", 1) if ":" not in feature_table else feature_table
    for feature in schema.feature_tables():
        if feature.table.qualified_name == name:
            return feature
    raise NotFoundError(f"The catalog has no feature table {safe(feature_table)}", hint="dml feature list")


def insert_features(session: WorkspaceSession, rid: str, rows: Sequence[FeatureRow]) -> int:
    """Insert staged feature rows and mark them uploaded, page by page. Writes catalog and registry; may be repeated.

    Returns:
        How many rows the catalog holds now because of it.

    Raises:
        ConflictError: A row conflicts with another one, or names a file that is not in the catalog.
        NotFoundError: A feature table is gone.
    """
    known = {row.key: row.rid for row in assets.list_assets(session.registry, rid, statuses=["uploaded"])}
    done = 0
    for name in sorted({row.feature_table for row in rows}):
        feature = feature_of(session.catalog.schema(), name)
        group = [row for row in rows if row.feature_table == name]
        for page in _pages(group):
            _insert_page(session, rid, feature, page, known)
            done += len(page)
    return done


def _insert_page(
    session: WorkspaceSession, rid: str, feature: Feature, page: Sequence[FeatureRow], known: Mapping[str, str | None]
) -> None:
    leased = _lease(session, rid, page)
    written = [{**_values(feature, row, rid, known), "RID": leased[row.stage_id][1]} for row in page]
    table = feature.table.qualified_name
    stored = {str(row["RID"]) for row in insert(session.catalog, table, written, on_conflict="skip", keep_rids=True)}
    missing = [row["RID"] for row in written if row["RID"] not in stored]
    if missing:
        stored |= {str(row["RID"]) for row in select(session.catalog, table, where={"RID": missing}, columns=["RID"])}
    refused = [row for row in written if row["RID"] not in stored]
    if refused:
        _refuse(session, rid, feature, page, leased, refused)
    with session.registry.transaction():
        features.mark_features_uploaded(session.registry, [row.stage_id for row in page])
        intents.finish(session.registry, [token for token, _ in leased.values()])


def _lease(session: WorkspaceSession, rid: str, page: Sequence[FeatureRow]) -> dict[int, tuple[str, str]]:
    """Token and RID of each row of a page, by stage id."""
    declared = intents.declare_all(session.registry, KIND, {str(row.stage_id): {} for row in page}, execution_rid=rid)
    wanted = [intent.token for intent in declared.values() if intent.rid is None]
    rids = lease_rids(session.catalog, wanted) if wanted else {}
    intents.record_leases(session.registry, rids)
    return {int(subject): (intent.token, intent.rid or rids[intent.token]) for subject, intent in declared.items()}


def _values(feature: Feature, row: FeatureRow, rid: str, known: Mapping[str, str | None]) -> Row:
    values: Row = {name: value for name, value in row.record.items() if name not in _SERVER_COLUMNS}
    values["Execution"] = rid
    values["Feature_Name"] = row.feature_name
    for column in feature.asset_columns:
        if isinstance(values.get(column), str):
            values[column] = _asset_rid(values[column], known, feature)
    return values


def _asset_rid(value: str, known: Mapping[str, str | None], feature: Feature) -> str:
    """The RID for a value that is one already, or a path that ends in ``Table/filename`` of a staged file."""
    if "/" not in value:
        return value
    key = "/".join(value.split("/")[-2:])
    found = known.get(key)
    if found is None:
        raise ConflictError(
            f"A value of {feature.name} is the file {safe(value)}, which is not uploaded",
            hint=f"Stage it as {safe(key)}, or give the RID of an asset.",
        )
    return found


def _refuse(
    session: WorkspaceSession,
    rid: str,
    feature: Feature,
    page: Sequence[FeatureRow],
    leased: Mapping[int, tuple[str, str]],
    refused: Sequence[Row],
) -> None:
    rids = {row["RID"] for row in refused}
    message = "The catalog has another value for this row by the same execution"
    stuck = [row for row in page if leased[row.stage_id][1] in rids]
    features.mark_features_failed(session.registry, {row.stage_id: message for row in stuck})
    first: Any = stuck[0].record.get(feature.target_column)
    raise ConflictError(
        f"{len(stuck)} staged rows of {feature.name} conflict with rows that are there, the first for"
        f" {feature.target.name} {safe(first)}",
        hint=f"An execution gives a row one value of a feature; forget them by `dml exec unstage {rid} --features`.",
    )


def _pages(rows: Sequence[FeatureRow]) -> Iterator[Sequence[FeatureRow]]:
    for begin in range(0, len(rows), PAGE):
        yield rows[begin : begin + PAGE]
