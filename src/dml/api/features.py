"""Features: making and finding them, and the values that executions gave to rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dml.deprecation import superseded

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.catalog.schema import Feature
    from dml.dataset.bag import FeatureValue


def create_feature(
    self: DerivaML,
    target_table: str,
    feature_name: str,
    terms: Sequence[str] = (),
    assets: Sequence[str] = (),
    metadata: Sequence[Any] = (),
    comment: str = "",
    optional: Sequence[str] = (),
) -> Feature:
    """Make a feature of a table, unless it is there. Writes the catalog."""
    from dml.catalog.definitions import create_feature as create

    return create(
        self.catalog,
        self.table_name(target_table),
        feature_name,
        terms=[self.table_name(name) for name in terms],
        assets=[self.table_name(name) for name in assets],
        columns=metadata,
        optional=optional,
        comment=comment,
    )


def find_features(self: DerivaML, table: str | None = None) -> list[Feature]:
    """The features of a table, of all tables when None, by their table of values; no request."""
    wanted = None if table is None else self.table_name(table)
    found = [one for one in self.catalog.schema().feature_tables() if wanted in (None, one.target.qualified_name)]
    return sorted(found, key=lambda one: one.table.qualified_name)


def lookup_feature(self: DerivaML, table: str, feature_name: str) -> Feature:
    """A feature of a table.

    Raises:
        NotFoundError: There is none; those there are are named.
    """
    from dml.feature.staging import find_feature

    return find_feature(self.catalog.schema(), table, feature_name)


def feature_record_class(self: DerivaML, table: str, feature_name: str) -> type[Any]:
    """The class whose instances ``Execution.add_features`` takes for a feature."""
    return self.lookup_feature(table, feature_name).feature_record_class()


def feature_values(
    self: DerivaML,
    table: str,
    feature_name: str,
    selector: Callable[[Sequence[FeatureValue]], FeatureValue] | str | None = None,
) -> list[FeatureValue]:
    """The values of a feature as the catalog has them, by the row they describe; one request.

    Args:
        table: The described table.
        feature_name: The feature.
        selector: Chooses one where a row has several: ``newest``, ``first``, or a function of their list.

    Raises:
        NotFoundError: The table has no such feature.
        UsageError: The selector's name is unknown.
    """
    from dml.feature.values import read_values

    return read_values(self.catalog, self.lookup_feature(table, feature_name), selector)


def list_feature_values(
    self: DerivaML,
    table: str,
    feature_name: str,
    selector: Callable[[Sequence[FeatureValue]], FeatureValue] | str | None = None,
) -> list[FeatureValue]:
    """Older name of ``feature_values``."""
    superseded("list_feature_values", "feature_values")
    return self.feature_values(table, feature_name, selector)


def add_features(self: DerivaML, features: Iterable[Any]) -> int:
    """Older name of ``Execution.add_features``: stages values in the execution that each names. Writes the registry.

    They reach the catalog with the execution's next commit.

    Returns:
        How many were given.

    Raises:
        UsageError: One names no execution.
        NotFoundError: This workspace does not know an execution.
    """
    from dml.errors import UsageError
    from dml.feature.staging import add_features as stage

    superseded("DerivaML.add_features", "Execution.add_features")
    by_execution: dict[str, list[Any]] = {}
    for record in features:
        rid = getattr(record, "Execution", None)
        if not rid:
            raise UsageError("A feature value names no execution", hint="Use Execution.add_features.")
        by_execution.setdefault(str(rid), []).append(record)
    return sum(stage(self.session, rid, records) for rid, records in by_execution.items())
