"""Staging feature values: what an execution says about rows of the catalog, checked as a whole before any of it is
kept.

Values are checked against the feature's columns and vocabularies; the catalog's keys judge the rest at the commit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dml.catalog import required_terms
from dml.catalog.feature_records import FIXED
from dml.catalog.indexed_text import require_fits
from dml.catalog.rows import validate_rid
from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe
from dml.workspace import executions, features

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Column
    from dml.catalog.schema import Feature, Schema
    from dml.workspace.session import WorkspaceSession

__all__ = ["add_features", "check_records", "find_feature", "stage_records"]

_WHOLE = ("int2", "int4", "int8", "serial2", "serial4", "serial8")
_REAL = ("float4", "float8", "numeric")


def find_feature(schema: Schema, target: str, name: str) -> Feature:
    """A feature by the table it describes (``Table`` or ``schema:Table``) and its name.

    Raises:
        NotFoundError: There is none; the features of the table are named.
    """
    of_table = [f for f in schema.feature_tables() if target in (f.target.name, f.target.qualified_name)]
    for feature in of_table:
        if feature.name == name or feature.table.name == name:
            return feature
    there = ", ".join(sorted(f"{f.target.name}.{f.name}" for f in of_table or schema.feature_tables()))
    raise NotFoundError(f"{safe(target)} has no feature {safe(name)}", hint=f"There are: {there}." if there else "")


def add_features(session: WorkspaceSession, rid: str, records: Iterable[Any]) -> int:
    """Stage instances of one ``feature_record_class``; all or none. Writes the registry.

    Returns:
        How many records were given; one that is staged already is not staged twice.

    Raises:
        UsageError: They are of several features, or a value does not fit its column.
        NotFoundError: A value is no term of its vocabulary; the nearest are named.
    """
    given = list(records)
    if not given:
        return 0
    kinds = {getattr(type(record), "feature", None) for record in given}
    if None in kinds or len({feature.table.qualified_name for feature in kinds if feature is not None}) != 1:
        raise UsageError(
            "add_features takes records of one feature", hint="Make them with lookup_feature(…).feature_record_class()."
        )
    feature = cast("Feature", kinds.pop())
    return stage_records(session, rid, feature, [_as_mapping(record) for record in given])


def stage_records(session: WorkspaceSession, rid: str, feature: Feature, records: Sequence[Mapping[str, Any]]) -> int:
    """Stage values of a feature given as mappings of column to value; all or none. Writes the registry.

    Raises:
        UsageError: A column is unknown or lacks a value, or a value does not fit it; the record is told by its number.
        NotFoundError: A value is no term of its vocabulary, or the workspace knows no such execution.
    """
    executions.get_execution(session.registry, rid)
    checked = check_records(session.catalog, feature, records, rid)
    features.stage_features(
        session.registry,
        rid,
        feature_table=f"{feature.table.schema}.{feature.table.name}",
        feature_name=feature.name,
        target_table=feature.target.name,
        records=checked,
    )
    return len(checked)


def check_records(
    catalog: Catalog, feature: Feature, records: Sequence[Mapping[str, Any]], rid: str | None = None
) -> list[dict[str, Any]]:
    """The values as they would be staged in an execution, with terms as their vocabularies spell them.

    Args:
        catalog: Where the vocabularies are; one request for each column that holds terms.
        feature: Their feature.
        records: Column to value.
        rid: The execution; None when it is not there yet.

    Raises:
        UsageError: A column is unknown or lacks a value, or a value does not fit it; the record is told by its number.
        NotFoundError: A value is no term of its vocabulary; the nearest are named.
    """
    checked = [_checked(feature, record, number, rid or "") for number, record in enumerate(records, 1)]
    for column, vocabulary in feature.term_columns.items():
        names = sorted({row[column] for row in checked if row.get(column) is not None})
        if names:
            spelled = {name: required_terms.require(catalog, vocabulary, [name])[0] for name in names}
            for row in checked:
                row[column] = spelled.get(row.get(column), row.get(column))
    return checked


def _as_mapping(record: Any) -> dict[str, Any]:
    values = {one.name: getattr(record, one.name) for one in fields(record)}
    defaults = {one.name for one in fields(record) if one.default is not MISSING}
    return {name: value for name, value in values.items() if value is not None or name not in defaults}


def _checked(feature: Feature, record: Mapping[str, Any], number: int, rid: str) -> dict[str, Any]:
    columns = {column.name: column for column in feature.value_columns}
    unknown = sorted(set(record) - set(columns) - {feature.target_column, *FIXED})
    where = f"Record {number} of {feature.name}"
    if unknown:
        raise UsageError(
            f"{where} has unknown {safe(', '.join(map(str, unknown)))}",
            hint=f"Columns are {', '.join([feature.target_column, *columns])}.",
        )
    target = record.get(feature.target_column)
    if not isinstance(target, str):
        raise UsageError(f"{where} names no {feature.target_column}", hint="Give the RID of the row it describes.")
    if record.get("Execution") not in (None, rid) or record.get("Feature_Name") not in (None, feature.name):
        raise UsageError(f"{where} is of another execution or feature")
    row: dict[str, Any] = {feature.target_column: validate_rid(target), "Execution": rid, "Feature_Name": feature.name}
    for name, column in columns.items():
        value = record.get(name)
        if value is None and not column.nullok and column.default is None:
            raise UsageError(f"{where} lacks a value for {name}")
        if value is not None or column.default is None:
            row[name] = _fitting(feature, column, value, where)
        else:
            row[name] = column.default
    return row


def _fitting(feature: Feature, column: Column, value: Any, where: str) -> Any:
    """The value as it is stored, if it fits the column."""
    if value is None:
        return None
    fits = True
    if column.name in feature.asset_columns:
        value = str(value) if isinstance(value, Path) else value
        fits = isinstance(value, str)
    elif column.name in feature.term_columns or column.type in ("text", "markdown", "longtext", "ermrest_uri"):
        fits = isinstance(value, str)
        require_fits(f"{where}: {column.name}", value)
    elif column.type == "boolean":
        fits = isinstance(value, bool)
    elif column.type in _WHOLE:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif column.type in _REAL:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fits:
        raise UsageError(f"{where}: {safe(value, limit=60)!r} does not fit {column.name} ({column.type})")
    return value
