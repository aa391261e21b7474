"""Staging feature values: all values of a call are checked, and then all or none are staged.

Values are checked against the feature's columns and vocabularies; the keys of the catalog are enforced by the commit.
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
from dml.errors import UsageError
from dml.feature.value_files import FLOAT_TYPES, INTEGER_TYPES
from dml.safe_text import safe
from dml.workspace import executions, features

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Column
    from dml.catalog.schema import Feature
    from dml.workspace.session import WorkspaceSession

__all__ = ["add_features", "check_records", "stage_records"]

_TEXT_TYPES = ("text", "markdown", "longtext", "ermrest_uri")


def add_features(session: WorkspaceSession, rid: str, records: Iterable[Any]) -> int:
    """Stage instances of one ``feature_record_class``, all or none. Writes the registry.

    Returns:
        How many records were given; a record that is staged already is not staged twice.

    Raises:
        UsageError: The records belong to several features, or a value does not fit its column.
        NotFoundError: A value is not a term of its vocabulary; the hint lists similar terms.
    """
    given = list(records)
    if not given:
        return 0
    record_features = {getattr(type(record), "feature", None) for record in given}
    tables = {feature.table.qualified_name if feature is not None else None for feature in record_features}
    if None in tables or len(tables) != 1:
        raise UsageError(
            "add_features takes records of one feature",
            hint="Create them with lookup_feature(…).feature_record_class().",
        )
    feature = cast("Feature", record_features.pop())
    return stage_records(session, rid, feature, [_as_mapping(record) for record in given])


def stage_records(session: WorkspaceSession, rid: str, feature: Feature, records: Sequence[Mapping[str, Any]]) -> int:
    """Stage values of a feature, given as mappings of column to value; all or none. Writes the registry.

    Raises:
        UsageError: A column is unknown or lacks a value, or a value does not fit it; the message has the record's
            number.
        NotFoundError: A value is not a term of its vocabulary, or the workspace has no such execution.
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
    """The values as they would be staged in an execution, with terms spelled as in their vocabularies.

    Args:
        catalog: The catalog; one request for each term column.
        feature: The feature.
        records: Mappings of column to value.
        rid: The execution; None when it does not exist yet.

    Raises:
        UsageError: A column is unknown or lacks a value, or a value does not fit it; the message has the record's
            number.
        NotFoundError: A value is not a term of its vocabulary; the hint lists similar terms.
    """
    checked = [_check_record(feature, record, number, rid or "") for number, record in enumerate(records, 1)]
    for column, vocabulary in feature.term_columns.items():
        names = sorted({row[column] for row in checked if row.get(column) is not None})
        if names:
            spelled = {name: required_terms.require(catalog, vocabulary, [name])[0] for name in names}
            for row in checked:
                row[column] = spelled.get(row.get(column), row.get(column))
    return checked


def _as_mapping(record: Any) -> dict[str, Any]:
    """The fields of a record; optional fields that are None are left out, so that the column's default applies."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    optional = {field.name for field in fields(record) if field.default is not MISSING}
    return {name: value for name, value in values.items() if value is not None or name not in optional}


def _check_record(feature: Feature, record: Mapping[str, Any], number: int, rid: str) -> dict[str, Any]:
    columns = {column.name: column for column in feature.value_columns}
    unknown = sorted(set(record) - set(columns) - {feature.target_column, *FIXED})
    where = f"Record {number} of {feature.name}"
    if unknown:
        raise UsageError(
            f"{where} has unknown columns: {safe(', '.join(map(str, unknown)))}",
            hint=f"Columns are {', '.join([feature.target_column, *columns])}.",
        )
    target = record.get(feature.target_column)
    if not isinstance(target, str):
        raise UsageError(f"{where} has no {feature.target_column}", hint="Give the RID of the row that it describes.")
    if record.get("Execution") not in (None, rid) or record.get("Feature_Name") not in (None, feature.name):
        raise UsageError(f"{where} belongs to another execution or feature")
    row: dict[str, Any] = {feature.target_column: validate_rid(target), "Execution": rid, "Feature_Name": feature.name}
    for name, column in columns.items():
        value = record.get(name)
        if value is not None:
            row[name] = _check_value(feature, column, value, where)
        elif column.nullok or column.default is not None:
            row[name] = column.default
        else:
            raise UsageError(f"{where} lacks a value for {name}")
    return row


def _check_value(feature: Feature, column: Column, value: Any, where: str) -> Any:
    """The value as it is staged, if it fits the column."""
    fits = True
    if column.name in feature.asset_columns:
        value = str(value) if isinstance(value, Path) else value
        fits = isinstance(value, str)
    elif column.name in feature.term_columns or column.type in _TEXT_TYPES:
        fits = isinstance(value, str)
        require_fits(f"{where}: {column.name}", value)
    elif column.type == "boolean":
        fits = isinstance(value, bool)
    elif column.type in INTEGER_TYPES:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif column.type in FLOAT_TYPES:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fits:
        raise UsageError(f"{where}: {safe(value, limit=60)!r} does not fit {column.name} ({column.type})")
    return value
