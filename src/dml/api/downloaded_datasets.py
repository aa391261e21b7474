"""The datasets that an execution has on disk, asked as one would ask the catalog (``Execution.database_catalog``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dml.catalog.schema import Feature
from dml.dataset.bag import BaggedDataset, DatasetBag, FeatureValue
from dml.errors import NotFoundError

__all__ = ["DownloadedDatasets"]

Row = dict[str, Any]


class DownloadedDatasets:
    """The bags of an execution together; where several hold the same row, the first one's is taken.

    Attributes:
        bags: The bags, in the order of the inputs.
    """

    def __init__(self, bags: Sequence[DatasetBag]) -> None:
        self.bags = tuple(bags)

    def find_datasets(self) -> list[BaggedDataset]:
        """The datasets of all bags, nested ones included."""
        found: dict[str, BaggedDataset] = {}
        for bag in self.bags:
            for rid in (bag.dataset_rid, *bag.nested_datasets(recurse=True)):
                found.setdefault(rid, bag.dataset(rid))
        return list(found.values())

    def lookup_dataset(self, dataset: str) -> BaggedDataset:
        """A dataset by its RID.

        Raises:
            NotFoundError: No bag holds it.
        """
        for one in self.find_datasets():
            if one.rid == dataset:
                return one
        raise NotFoundError(f"No downloaded dataset holds {dataset}")

    def list_dataset_members(self, dataset: str, recurse: bool = False) -> dict[str, list[Row]]:
        """The member rows of a dataset by element table."""
        self.lookup_dataset(dataset)
        holder = next(bag for bag in self.bags if dataset in (bag.dataset_rid, *bag.nested_datasets(recurse=True)))
        return holder.list_dataset_members(dataset, recurse=recurse)

    def list_tables(self) -> list[str]:
        """The tables with rows, ``schema:Table``, sorted."""
        return sorted({table for bag in self.bags for table in bag.tables})

    def get_table_as_dict(self, table: str) -> list[Row]:
        """The rows of a table, each once."""
        rows = {row["RID"]: row for bag in reversed(self.bags) for row in bag.rows(table)}
        return [rows[rid] for rid in sorted(rows)]

    def get_table_as_dataframe(self, table: str) -> Any:
        """The rows of a table as a pandas DataFrame.

        Raises:
            UsageError: pandas is not installed.
        """
        frame = self.bags[0].dataframe(table)
        return type(frame).from_records(self.get_table_as_dict(table), columns=list(frame.columns))

    def lookup_term(self, table: str, term_name: str) -> Row:
        """The row of a vocabulary's term, by name or synonym.

        Raises:
            NotFoundError: No bag holds it; a bag holds the terms that its rows use.
        """
        rows = self.get_table_as_dict(table)
        for row in rows:
            if row["Name"] == term_name:
                return row
        for row in rows:
            if term_name in (row.get("Synonyms") or ()):
                return row
        raise NotFoundError(f"No downloaded dataset holds a term {term_name!r} of {table}")

    def find_features(self, table: str | None = None) -> list[Feature]:
        """The features of a table, of all tables when None."""
        found = {one.table.qualified_name: one for bag in self.bags for one in bag.schema.feature_tables()}
        wanted = (one for one in found.values() if table in (None, one.target.name, one.target.qualified_name))
        return sorted(wanted, key=lambda one: one.table.qualified_name)

    def feature_values(
        self,
        table: str,
        feature_name: str,
        selector: Callable[[Sequence[FeatureValue]], FeatureValue] | None = None,
    ) -> list[FeatureValue]:
        """The values of a feature, each once; one for each row with a ``selector``."""
        every = [value for bag in self.bags for value in bag.feature_values(table, feature_name)]
        found = list({(one.target, one.execution, one.created): one for one in every}.values())
        if selector is None:
            return found
        by_target: dict[str, list[FeatureValue]] = {}
        for one in found:
            by_target.setdefault(one.target, []).append(one)
        return [selector(values) for values in by_target.values()]
