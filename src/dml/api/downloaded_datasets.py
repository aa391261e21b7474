"""The datasets that an execution has downloaded, read like a catalog (``Execution.database_catalog``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dml.catalog.schema import Feature
from dml.dataset.bag import BaggedDataset, DatasetBag, FeatureValue
from dml.errors import NotFoundError

__all__ = ["DownloadedDatasets"]

Row = dict[str, Any]


class DownloadedDatasets:
    """The bags of an execution, read as one; when several hold the same row, the first one is used.

    Attributes:
        bags: The bags, in the order of the execution's inputs.
    """

    def __init__(self, bags: Sequence[DatasetBag]) -> None:
        self.bags = tuple(bags)

    def find_datasets(self) -> list[BaggedDataset]:
        """The datasets of all bags, nested ones included."""
        datasets: dict[str, BaggedDataset] = {}
        for bag in self.bags:
            for rid in (bag.dataset_rid, *bag.nested_datasets(recurse=True)):
                datasets.setdefault(rid, bag.dataset(rid))
        return list(datasets.values())

    def lookup_dataset(self, dataset: str) -> BaggedDataset:
        """The dataset with this RID.

        Raises:
            NotFoundError: No bag contains the dataset.
        """
        for candidate in self.find_datasets():
            if candidate.rid == dataset:
                return candidate
        raise NotFoundError(f"dataset {dataset} has not been downloaded")

    def list_dataset_members(self, dataset: str, recurse: bool = False) -> dict[str, list[Row]]:
        """The member rows of a dataset, by element table; with ``recurse`` those of nested datasets too."""
        self.lookup_dataset(dataset)
        holder = next(bag for bag in self.bags if dataset in (bag.dataset_rid, *bag.nested_datasets(recurse=True)))
        return holder.list_dataset_members(dataset, recurse=recurse)

    def list_tables(self) -> list[str]:
        """The tables that have rows, ``schema:Table``, sorted."""
        return sorted({table for bag in self.bags for table in bag.tables})

    def get_table_as_dict(self, table: str) -> list[Row]:
        """The rows of a table, without repeats, sorted by RID."""
        rows = {row["RID"]: row for bag in reversed(self.bags) for row in bag.rows(table)}
        return [rows[rid] for rid in sorted(rows)]

    def get_table_as_dataframe(self, table: str) -> Any:
        """The rows of a table as a pandas DataFrame, without repeats.

        Raises:
            UsageError: pandas is not installed.
        """
        frame = self.bags[0].dataframe(table)
        return type(frame).from_records(self.get_table_as_dict(table), columns=list(frame.columns))

    def lookup_term(self, table: str, term_name: str) -> Row:
        """The row of a vocabulary term, by name or synonym.

        Raises:
            NotFoundError: No bag contains the term; a bag contains only the terms that its rows use.
        """
        rows = self.get_table_as_dict(table)
        for row in rows:
            if row["Name"] == term_name:
                return row
        for row in rows:
            if term_name in (row.get("Synonyms") or ()):
                return row
        raise NotFoundError(f"no downloaded dataset uses the term {term_name!r} of {table}")

    def find_features(self, table: str | None = None) -> list[Feature]:
        """The features of a table, or of all tables, sorted by the table of their values."""
        features = {
            feature.table.qualified_name: feature for bag in self.bags for feature in bag.schema.feature_tables()
        }
        return [
            feature
            for _, feature in sorted(features.items())
            if table in (None, feature.target.name, feature.target.qualified_name)
        ]

    def feature_values(
        self,
        table: str,
        feature_name: str,
        selector: Callable[[Sequence[FeatureValue]], FeatureValue] | None = None,
    ) -> list[FeatureValue]:
        """The values of a feature, without repeats.

        Args:
            table: The table that the feature describes.
            feature_name: Name of the feature.
            selector: Chooses one value for each row; all values when None.
        """
        values = [value for bag in self.bags for value in bag.feature_values(table, feature_name)]
        unique = list({(value.target, value.execution, value.created): value for value in values}.values())
        if selector is None:
            return unique
        by_target: dict[str, list[FeatureValue]] = {}
        for value in unique:
            by_target.setdefault(value.target, []).append(value)
        return [selector(values) for values in by_target.values()]
