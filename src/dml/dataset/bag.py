"""Reads a bag without a server: the members of its dataset, its tables as rows, feature values, files.

Values have the types of the bag's own schema. CSV does not distinguish null from an empty text; both read as None.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from dml.catalog.schema import DATASET, Schema
from dml.dataset.bag_export import DATASET_INFO, VERSION_INFO
from dml.dataset.bagit import payload_path, read_info, read_manifest, safe_filename
from dml.dataset.deriva_ml_bags import find_file, newest_version, rid_in_name
from dml.dataset.feature_values import FeatureValue, Selector, feature_values, newest
from dml.dataset.records import DATASET_TYPE, DATASET_VERSION, NESTED_DATASET
from dml.dataset.version import DatasetVersion
from dml.errors import IntegrityError, NotFoundError, UsageError

__all__ = ["BaggedDataset", "DatasetBag", "FeatureValue", "newest"]

Row = dict[str, Any]

_MAX_FIELD_BYTES = 1 << 30


@dataclass(frozen=True)
class BaggedDataset:
    """A dataset of a bag: the one that was exported, or one nested in it."""

    rid: str
    description: str
    types: tuple[str, ...]


class DatasetBag:
    """A bag on disk.

    Args:
        path: Directory of the bag.

    Raises:
        IntegrityError: The directory is not a bag of a dataset.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            document = json.loads((self.path / "data" / "schema.json").read_text(encoding="utf-8"))
            self._schema = Schema.from_document(document)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{self.path} is not a bag of a dataset: its schema cannot be read") from error
        self._info = read_info(self.path)
        self._tables: dict[str, list[Row]] = {}
        self._rid = self._info.get(DATASET_INFO) or rid_in_name(self.path, self._dataset_rows())
        if not self._rid:
            raise IntegrityError(
                f"{self.path} is not a bag of a dataset: neither bag-info.txt nor its name has the RID of one"
            )

    def _dataset_rows(self) -> list[Row]:
        return self.rows(DATASET) if self._schema.has_table(DATASET) else []

    @property
    def dataset_rid(self) -> str:
        """RID of the dataset that was exported."""
        return self._rid

    @property
    def version(self) -> DatasetVersion:
        """The version that was exported."""
        if VERSION_INFO in self._info:
            return DatasetVersion(self._info[VERSION_INFO])
        return newest_version(self.rows(DATASET_VERSION), self._rid)

    @property
    def schema(self) -> Schema:
        """The catalog's schema at that version."""
        return self._schema

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The tables with rows, as ``schema:Table``."""
        data = self.path / "data"
        return tuple(name for name, t in self._schema.tables.items() if (data / t.schema / f"{t.name}.csv").is_file())

    def rows(self, table: str) -> list[Row]:
        """The rows of a table, by RID; empty when the bag holds none.

        Raises:
            NotFoundError: The catalog had no such table.
        """
        definition = self._schema.table(table)
        name = definition.qualified_name
        if name not in self._tables:
            path = self.path / "data" / definition.schema / f"{definition.name}.csv"
            types = {column.name: column.type for column in definition.columns}
            self._tables[name] = _read_csv(path, types) if path.is_file() else []
        return [dict(row) for row in self._tables[name]]

    def dataframe(self, table: str) -> Any:
        """The rows of a table as a pandas DataFrame.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise UsageError("pandas is not installed", hint="pip install pandas, or use rows().") from error
        return pandas.DataFrame(self.rows(table), columns=list(self._schema.table(table).column_names))

    def dataset(self, rid: str | None = None) -> BaggedDataset:
        """A dataset of the bag, by default the one that was exported.

        Raises:
            NotFoundError: The bag has no such dataset.
        """
        wanted = rid or self.dataset_rid
        for row in self.rows(DATASET):
            if row["RID"] == wanted:
                types = (link["Dataset_Type"] for link in self.rows(DATASET_TYPE) if link["Dataset"] == wanted)
                return BaggedDataset(wanted, row["Description"] or "", tuple(sorted(types)))
        raise NotFoundError(f"the bag {self.path.name} has no dataset {wanted}")

    def nested_datasets(self, rid: str | None = None, *, recurse: bool = False) -> list[str]:
        """RIDs of the datasets nested in one, by default in the one that was exported."""
        children: dict[str, list[str]] = defaultdict(list)
        for row in self.rows(NESTED_DATASET):
            children[row["Dataset"]].append(row["Nested_Dataset"])
        found: dict[str, None] = {}
        level = [rid or self.dataset_rid]
        while level:
            level = sorted({child for parent in level for child in children[parent]} - found.keys())
            found.update(dict.fromkeys(level))
            level = level if recurse else []
        return list(found)

    def list_dataset_members(self, rid: str | None = None, *, recurse: bool = False) -> dict[str, list[Row]]:
        """The member rows of a dataset by element table (``schema:Table``).

        Args:
            rid: A dataset of the bag; by default the one that was exported.
            recurse: Include members of nested datasets.
        """
        top = self.dataset(rid).rid
        datasets = {top, *(self.nested_datasets(top, recurse=True) if recurse else ())}
        members = {}
        for element, membership in self._schema.element_tables().items():
            rows = self.rows(membership.association.qualified_name)
            rids = {row[membership.element_column] for row in rows if row[membership.dataset_column] in datasets}
            if rids:
                members[element] = [row for row in self.rows(element) if row["RID"] in rids]
        return members

    def asset_path(self, table: str, row: Row) -> Path:
        """The file of an asset row; it exists once the bag is materialised.

        Raises:
            UnsafePathError: Its name is not a plain file name.
        """
        name = self._schema.table(table).name
        filename = safe_filename(row.get("Filename"), str(row["RID"]))
        path = payload_path(self.path, f"data/asset/{name}/{row['RID']}/{filename}")
        if DATASET_INFO in self._info:
            return path
        return find_file(self.path, self._manifest, row) or path

    @cached_property
    def _manifest(self) -> dict[str, str]:
        return read_manifest(self.path)

    def feature_values(self, table: str, feature: str, *, selector: Selector | str | None = None) -> list[FeatureValue]:
        """The values of a feature, by the RID of the row they describe.

        Args:
            table: The described table, ``schema:Table`` or its name.
            feature: Name of the feature.
            selector: Chooses one where a row has several: ``newest``, ``first`` or a function; None returns all.

        Raises:
            NotFoundError: The table has no such feature.
        """
        return feature_values(self, table, feature, selector=selector)

    def denormalize(
        self, table: str, *, include: Sequence[str] = (), features: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """One wide row for each row of a table: :func:`dml.dataset.denormalized_rows.denormalize`."""
        from dml.dataset.denormalized_rows import denormalize

        return denormalize(self, table, include=include, features=features)

    def restructure_assets(self, table: str, directory: Path | str, *, group_by: Sequence[str] = ()) -> list[Path]:
        """The files in folders by part and class: :func:`dml.dataset.restructure.restructure_assets`."""
        from dml.dataset.restructure import restructure_assets

        return restructure_assets(self, table, Path(directory), group_by=group_by)


def _read_csv(path: Path, types: Mapping[str, str]) -> list[Row]:
    csv.field_size_limit(_MAX_FIELD_BYTES)
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: _parse(types.get(name, "text"), text) for name, text in row.items()} for row in csv.DictReader(file)
        ]


def _parse(type_name: str, text: str) -> Any:
    if text == "":
        return None
    if type_name == "boolean":
        return text in ("t", "true")
    if type_name.startswith(("int", "serial")):
        return int(text)
    if type_name.startswith("float"):
        return float(text)
    if type_name.endswith("[]") or type_name.startswith("json"):
        return json.loads(text)
    return text
