"""Features: create and find them, and read and stage their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dml.deprecation import warn_deprecated

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
    """Create a feature of a table unless it exists. Writes the catalog.

    Args:
        target_table: The table that the feature describes.
        feature_name: Name of the feature.
        terms: Vocabulary tables; a value has one term of each.
        assets: Asset tables; a value has one file of each.
        metadata: Further columns of a value.
        comment: Description of the feature, Markdown.
        optional: Columns that may be empty.

    Returns:
        The feature.
    """
    from dml.catalog.definitions import create_feature as create

    return create(
        self.catalog,
        self._table_name(target_table),
        feature_name,
        terms=[self._table_name(name) for name in terms],
        assets=[self._table_name(name) for name in assets],
        columns=metadata,
        optional=optional,
        comment=comment,
    )


def find_features(self: DerivaML, table: str | None = None) -> list[Feature]:
    """The features of a table, or of all tables, sorted by the table of their values; sends no request."""
    schema = self.catalog.schema()
    features = schema.feature_tables() if table is None else schema.features_of(self._table_name(table))
    return sorted(features, key=lambda feature: feature.table.qualified_name)


def lookup_feature(self: DerivaML, table: str, feature_name: str) -> Feature:
    """The feature of a table with this name.

    Raises:
        NotFoundError: The table has no such feature; the message lists those it has.
    """
    return self.catalog.schema().feature(table, feature_name)


def feature_record_class(self: DerivaML, table: str, feature_name: str) -> type[Any]:
    """The class whose instances ``Execution.add_features`` takes for a feature."""
    return self.lookup_feature(table, feature_name).feature_record_class()


def feature_values(
    self: DerivaML,
    table: str,
    feature_name: str,
    selector: Callable[[Sequence[FeatureValue]], FeatureValue] | str | None = None,
) -> list[FeatureValue]:
    """The values of a feature in the catalog, sorted by the row they describe; one request.

    Args:
        table: The table that the feature describes.
        feature_name: Name of the feature.
        selector: Chooses one value when a row has several: ``newest``, ``first``, or a function of their list; all
            values when None.

    Raises:
        NotFoundError: The table has no such feature.
        UsageError: There is no selector of this name.
    """
    from dml.feature.values import read_values

    return read_values(self.catalog, self.lookup_feature(table, feature_name), selector)


def list_feature_values(
    self: DerivaML,
    table: str,
    feature_name: str,
    selector: Callable[[Sequence[FeatureValue]], FeatureValue] | str | None = None,
) -> list[FeatureValue]:
    """Deprecated name of ``feature_values``."""
    warn_deprecated("list_feature_values", "feature_values")
    return self.feature_values(table, feature_name, selector)


def add_features(self: DerivaML, features: Iterable[Any]) -> int:
    """Deprecated name of ``Execution.add_features``; every value names its execution. Writes the registry.

    The next commit of each execution uploads its values.

    Returns:
        The number of values.

    Raises:
        UsageError: A value names no execution.
        NotFoundError: An execution is not in this workspace.
    """
    from dml.errors import UsageError
    from dml.feature.staging import add_features as stage

    warn_deprecated("DerivaML.add_features", "Execution.add_features")
    by_execution: dict[str, list[Any]] = {}
    for record in features:
        rid = getattr(record, "Execution", None)
        if not rid:
            raise UsageError("a feature value names no execution", hint="Use Execution.add_features.")
        by_execution.setdefault(str(rid), []).append(record)
    return sum(stage(self.session, rid, records) for rid, records in by_execution.items())
