"""Reads a bag offline: the dataset's members, its tables as rows, feature values, files.

Nothing here asks a catalog. Values have the types of the bag's own schema; an empty text and null are one in CSV
and both read as None.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from dml.catalog.schema import Schema
from dml.dataset.bag_export import DATASET_INFO, VERSION_INFO
from dml.dataset.bagit import payload_path, read_info, read_manifest, safe_filename
from dml.dataset.deriva_ml_bags import find_file, rid_in_name, version_in_rows
from dml.dataset.feature_values import FeatureValue, feature_values, newest
from dml.dataset.version import DatasetVersion
from dml.errors import IntegrityError, NotFoundError, UsageError

__all__ = ["BaggedDataset", "DatasetBag", "FeatureValue", "newest"]

Row = dict[str, Any]
DATASET = "deriva-ml:Dataset"
_LARGEST_FIELD = 1 << 30


@dataclass(frozen=True)
class BaggedDataset:
    """A dataset of a bag: the one it was made of, or one nested in it."""

    rid: str
    description: str
    types: tuple[str, ...]


class DatasetBag:
    """A bag on disk.

    Args:
        path: Its directory.

    Raises:
        IntegrityError: It is no bag of a dataset.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            document = json.loads((self.path / "data" / "schema.json").read_text(encoding="utf-8"))
            self._schema = Schema.from_document(document)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{self.path} is no bag of a dataset: its schema cannot be read") from error
        self._info = read_info(self.path)
        self._tables: dict[str, list[Row]] = {}
        self._rid = self._info.get(DATASET_INFO) or rid_in_name(self.path, self._rows_of_datasets())
        if not self._rid:
            raise IntegrityError(f"{self.path} is no bag of a dataset: neither bag-info.txt nor its name says which")

    def _rows_of_datasets(self) -> list[Row]:
        return self.rows(DATASET) if self._schema.has_table(DATASET) else []

    @property
    def dataset_rid(self) -> str:
        """RID of the dataset the bag was made of."""
        return self._rid

    @property
    def version(self) -> DatasetVersion:
        """The version the bag holds."""
        if VERSION_INFO in self._info:
            return DatasetVersion(self._info[VERSION_INFO])
        return version_in_rows(self.rows("deriva-ml:Dataset_Version"), self._rid)

    @property
    def schema(self) -> Schema:
        """The catalog's schema as it was at that version."""
        return self._schema

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The tables with rows, as ``schema:Table``."""
        data = self.path / "data"
        return tuple(name for name, t in self._schema.tables.items() if (data / t.schema / f"{t.name}.csv").is_file())

    def rows(self, table: str) -> list[Row]:
        """The rows of a table, by RID; none when the bag has none of them.

        Raises:
            NotFoundError: The catalog had no such table.
        """
        found = self._schema.table(table)
        name = found.qualified_name
        if name not in self._tables:
            path = self.path / "data" / found.schema / f"{found.name}.csv"
            types = {column.name: column.type for column in found.columns}
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
        """A dataset of the bag, by default the one it was made of.

        Raises:
            NotFoundError: The bag holds no such dataset.
        """
        wanted = rid or self.dataset_rid
        for row in self.rows(DATASET):
            if row["RID"] == wanted:
                types = (
                    one["Dataset_Type"]
                    for one in self.rows("deriva-ml:Dataset_Dataset_Type")
                    if one["Dataset"] == wanted
                )
                return BaggedDataset(wanted, row["Description"] or "", tuple(sorted(types)))
        raise NotFoundError(f"the bag {self.path.name} holds no dataset {wanted}")

    def nested_datasets(self, rid: str | None = None, *, recurse: bool = False) -> list[str]:
        """RIDs of the datasets nested in one, by default in the one the bag was made of."""
        below: dict[str, list[str]] = defaultdict(list)
        for row in self.rows("deriva-ml:Dataset_Dataset"):
            below[row["Dataset"]].append(row["Nested_Dataset"])
        found: dict[str, None] = {}
        level = [rid or self.dataset_rid]
        while level:
            level = sorted({child for one in level for child in below[one]} - found.keys())
            found.update(dict.fromkeys(level))
            level = level if recurse else []
        return list(found)

    def list_dataset_members(self, rid: str | None = None, *, recurse: bool = False) -> dict[str, list[Row]]:
        """The member rows of a dataset by element table (``schema:Table``).

        Args:
            rid: A dataset of the bag; by default the one it was made of.
            recurse: Whether members of nested datasets are included.
        """
        top = self.dataset(rid).rid
        holders = {top, *(self.nested_datasets(top, recurse=True) if recurse else ())}
        found = {}
        for element, how in self._schema.element_tables().items():
            rows = self.rows(how.association.qualified_name)
            wanted = {row[how.element_column] for row in rows if row[how.dataset_column] in holders}
            if wanted:
                found[element] = [row for row in self.rows(element) if row["RID"] in wanted]
        return found

    def asset_path(self, table: str, row: Row) -> Path:
        """The file of an asset row; it is there once the bag has been materialised.

        Raises:
            UnsafePathError: Its name is no plain file name.
        """
        name = self._schema.table(table).name
        filename = safe_filename(row.get("Filename"), str(row["RID"]))
        place = payload_path(self.path, f"data/asset/{name}/{row['RID']}/{filename}")
        if DATASET_INFO in self._info:
            return place
        return find_file(self.path, self._manifest, row) or place

    @cached_property
    def _manifest(self) -> dict[str, str]:
        return read_manifest(self.path)

    def feature_values(
        self,
        table: str,
        feature: str,
        *,
        selector: Callable[[Sequence[FeatureValue]], FeatureValue] | None = None,
    ) -> list[FeatureValue]:
        """The values of a feature, by the RID of the row they describe.

        Args:
            table: The table that is described, ``schema:Table`` or its name.
            feature: The feature's name.
            selector: Chooses one where a row has several (:func:`newest`); None returns all.

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
    csv.field_size_limit(_LARGEST_FIELD)
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: _value(types.get(name, "text"), text) for name, text in row.items()} for row in csv.DictReader(file)
        ]


def _value(kind: str, text: str) -> Any:
    if text == "":
        return None
    if kind == "boolean":
        return text in ("t", "true")
    if kind.startswith(("int", "serial")):
        return int(text)
    if kind.startswith("float"):
        return float(text)
    if kind.endswith("[]") or kind.startswith("json"):
        return json.loads(text)
    return text
