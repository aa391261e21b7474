"""What a catalog's model means to DERIVA-ML: assets, vocabularies, features, dataset members, capabilities.

Everything is derived from the one document at ``/schema``, without further requests. Older catalogs do not have all
tables and columns; ``capabilities`` says which, and nothing in dml compares versions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dml.catalog.model import Column, ForeignKey, Table, table_from_document
from dml.errors import NotFoundError

__all__ = ["Capabilities", "Column", "Feature", "ForeignKey", "Membership", "Schema", "Table"]

ML = "deriva-ml"
"""The schema of the DERIVA-ML tables."""

EXECUTION = f"{ML}:Execution"
DATASET = f"{ML}:Dataset"
WORKFLOW = f"{ML}:Workflow"
ASSET_TYPE = f"{ML}:Asset_Type"
FEATURE_NAME = f"{ML}:Feature_Name"

_NOT_DOMAIN = frozenset({"public", "www", ML})


@dataclass(frozen=True)
class Feature:
    """A feature: values that executions attach to rows of a table.

    Attributes:
        name: The feature's name, a term of ``Feature_Name``; empty when the table does not give it.
        table: The table of its values.
        target: The table whose rows it describes.
        target_column: The column with the RID of the described row.
        value_columns: The columns of the value: terms, assets and plain values.
    """

    name: str
    table: Table
    target: Table
    target_column: str
    value_columns: tuple[Column, ...]

    @property
    def term_columns(self) -> dict[str, str]:
        """The value columns with the name of a term, and their vocabulary as ``schema:Table``."""
        return self._referring("Name")

    @property
    def asset_columns(self) -> dict[str, str]:
        """The value columns with the RID of another row (an asset), and its table as ``schema:Table``."""
        return self._referring("RID")

    def feature_record_class(self) -> type[Any]:
        """The class whose instances ``Execution.add_features`` takes for this feature."""
        from dml.catalog.feature_records import feature_record_class

        return feature_record_class(self)

    def _referring(self, column: str) -> dict[str, str]:
        keys = ((part.name, self.table.foreign_key_of(part.name)) for part in self.value_columns)
        return {name: key.table for name, key in keys if key is not None and key.referenced == (column,)}


@dataclass(frozen=True)
class Membership:
    """The association by which rows of one table are members of datasets.

    Attributes:
        element: The table whose rows may be members.
        association: The association table.
        dataset_column, element_column: Its columns with the RIDs of dataset and member.
    """

    element: Table
    association: Table
    dataset_column: str
    element_column: str


@dataclass(frozen=True)
class Capabilities:
    """The optional tables and columns of a catalog; all False without a ``deriva-ml`` schema.

    The numbers are the releases of deriva-ml that introduced them.

    Attributes:
        ml_schema: The ``deriva-ml`` schema exists.
        durations: The duration columns of Execution: Duration (up to 1.36) or the three of 1.37.
        status_vocabulary: Status is a term of Execution_Status (1.31); free text before.
        status_detail: Execution has Status_Detail.
        nesting: Execution_Execution exists (1.17.11).
        workflow_type_table: Workflow_Workflow_Type exists (1.18); before, ``workflow_type_column``.
        workflow_type_column: Workflow has the column Workflow_Type.
        dataset_execution_version: Dataset_Execution has the version, and only inputs (1.43).
        directory_dataset: Directory_Dataset exists (1.51.13).
        minid_spec_hash: Dataset_Version has Minid_Spec_Hash (1.18.1).
    """

    ml_schema: bool
    durations: tuple[str, ...]
    status_vocabulary: bool
    status_detail: bool
    nesting: bool
    workflow_type_table: bool
    workflow_type_column: bool
    dataset_execution_version: bool
    directory_dataset: bool
    minid_spec_hash: bool

    @property
    def version(self) -> str:
        """The releases of deriva-ml with such a schema, as ``1.43 to 1.51``; empty without the schema."""
        if not self.ml_schema:
            return ""
        steps = (
            (self.directory_dataset, "1.51.13 or later"),
            (self.dataset_execution_version, "1.43 to 1.51"),
            ("Execution_Duration" in self.durations, "1.37 to 1.42"),
            (self.status_vocabulary, "1.31 to 1.36"),
            (self.workflow_type_table, "1.18 to 1.30"),
            (self.nesting, "1.17.11 or a later 1.17"),
        )
        return next((release for exists, release in steps if exists), "before 1.17.11")


class Schema:
    """The model of a catalog; immutable.

    Attributes:
        tables: All tables by ``schema:Table``.
        schemas: The names of all schemas, including those without tables.
        document: The document at ``/schema``.
    """

    def __init__(self, tables: Iterable[Table], schemas: Iterable[str], document: Mapping[str, Any]) -> None:
        self.tables: Mapping[str, Table] = {table.qualified_name: table for table in tables}
        self.schemas = tuple(schemas)
        self.document = document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Schema:
        """The model that the document at ``/schema`` describes."""
        parts = document["schemas"]
        tables = [table_from_document(table) for part in parts.values() for table in part.get("tables", {}).values()]
        return cls(tables, parts, document)

    def table(self, name: str) -> Table:
        """A table by ``schema:Table``, or by its bare name if only one schema other than ``public`` has it.

        Raises:
            NotFoundError: There is no such table, or several; the hint has the nearest names.
        """
        match = self.tables.get(name)
        if match is None and ":" not in name:
            same = [table for table in self.tables.values() if table.name == name and table.schema != "public"]
            match = same[0] if len(same) == 1 else None
            if len(same) > 1:
                names = ", ".join(table.qualified_name for table in same)
                raise NotFoundError(f"several tables are named {name}", hint=f"Give one of {names}.")
        if match is not None:
            return match
        bare = {table.name: key for key, table in self.tables.items() if table.schema != "public"}
        near = difflib.get_close_matches(name, list(self.tables), 3, 0.6)
        near += [bare[close] for close in difflib.get_close_matches(name.rpartition(":")[2], list(bare), 3, 0.6)]
        hint = f"Did you mean {', '.join(dict.fromkeys(near))}?" if near else ""
        raise NotFoundError(f"the catalog has no table {name}", hint=hint)

    def has_table(self, name: str) -> bool:
        """Whether there is a table ``schema:Table``."""
        return name in self.tables

    def has_column(self, table: str, column: str) -> bool:
        """Whether the table exists and has the column."""
        known = self.tables.get(table)
        return known is not None and known.column(column) is not None

    def domain_schemas(self) -> tuple[str, ...]:
        """The schemas other than DERIVA-ML's and the server's."""
        return tuple(name for name in self.schemas if name.lower() not in _NOT_DOMAIN)

    def asset_tables(self) -> tuple[Table, ...]:
        """The tables of files."""
        return tuple(table for table in self.tables.values() if table.is_asset)

    def vocabularies(self) -> tuple[Table, ...]:
        """The tables of terms."""
        return tuple(table for table in self.tables.values() if table.is_vocabulary)

    def asset_execution_table(self, asset: Table) -> Table | None:
        """The association of an asset table with executions and roles; None when there is none."""
        candidates = (table for table in self._referring(asset, EXECUTION) if table.column("Asset_Role"))
        return _best(candidates, asset, f"{asset.name}_Execution")

    def asset_type_table(self, asset: Table) -> Table | None:
        """The association of an asset table with its types; None when there is none."""
        return _best(self._referring(asset, ASSET_TYPE), asset, f"{asset.name}_Asset_Type")

    def _referring(self, asset: Table, other: str) -> Iterable[Table]:
        name = asset.qualified_name
        return (t for t in self.tables.values() if {key.table for key in t.association} == {name, other})

    def feature_tables(self) -> tuple[Feature, ...]:
        """All features, in the catalog's order."""
        return self._features

    def features_of(self, table: str) -> list[Feature]:
        """The features of a table, given as ``schema:Table`` or by its bare name.

        Raises:
            NotFoundError: There is no such table.
        """
        target = self.table(table)
        return [feature for feature in self._features if feature.target == target]

    def feature(self, table: str, name: str) -> Feature:
        """A feature by the table whose rows it describes and its name.

        Raises:
            NotFoundError: There is no such table or feature; the hint lists the features of the table.
        """
        features = self.features_of(table)
        for feature in features:
            if name in (feature.name, feature.table.name):
                return feature
        names = ", ".join(sorted(f"{feature.target.name}.{feature.name}" for feature in features))
        raise NotFoundError(f"{table} has no feature {name}", hint=f"Its features: {names or 'none'}.")

    @cached_property
    def _features(self) -> tuple[Feature, ...]:
        return tuple(feature for table in self.tables.values() if (feature := self._feature(table)) is not None)

    def _feature(self, table: Table) -> Feature | None:
        name_key, execution_key = table.reference_to(FEATURE_NAME), table.reference_to(EXECUTION)
        if name_key is None or execution_key is None or table.column("Feature_Name") is None:
            return None
        fixed = {name_key.columns[0], execution_key.columns[0]}
        # The target is part of the association's key; terms and assets of the value are not.
        keys = [*table.association, *table.foreign_keys]
        targets = [
            key
            for key in keys
            if len(key.columns) == 1
            and key.columns[0] not in fixed
            and key.referenced == ("RID",)
            and key.table in self.tables
        ]
        if not targets:
            return None
        target = targets[0]
        column = table.column(name_key.columns[0])
        common = {*fixed, target.columns[0], "RID", "RCT", "RMT", "RCB", "RMB"}
        return Feature(
            name=str(column.default or "") if column is not None else "",
            table=table,
            target=self.tables[target.table],
            target_column=target.columns[0],
            value_columns=tuple(part for part in table.columns if part.name not in common),
        )

    def element_tables(self) -> dict[str, Membership]:
        """The tables whose rows may be members of a dataset, by ``schema:Table``; Dataset for nested ones."""
        memberships: dict[str, Membership] = {}
        for table in self.tables.values():
            keys = table.association
            to_dataset = [key for key in keys if key.table == DATASET]
            others = [key for key in keys if key.table != DATASET]
            if len(keys) != 2 or not to_dataset:
                continue
            other = others[0] if others else _nested(to_dataset)
            element = self.tables.get(other.table)
            if element is None or other.referenced != ("RID",) or element.qualified_name in _NOT_ELEMENTS:
                continue
            dataset = next(key for key in to_dataset if key is not other)
            memberships[element.qualified_name] = Membership(element, table, dataset.columns[0], other.columns[0])
        return memberships

    @cached_property
    def capabilities(self) -> Capabilities:
        """The optional tables and columns of the catalog."""
        columns = ("Duration", "Execution_Duration", "Download_Duration", "Upload_Duration")
        return Capabilities(
            ml_schema=self.has_table(EXECUTION),
            durations=tuple(name for name in columns if self.has_column(EXECUTION, name)),
            status_vocabulary=self.has_table(f"{ML}:Execution_Status"),
            status_detail=self.has_column(EXECUTION, "Status_Detail"),
            nesting=self.has_table(f"{ML}:Execution_Execution"),
            workflow_type_table=self.has_table(f"{ML}:Workflow_Workflow_Type"),
            workflow_type_column=self.has_column(WORKFLOW, "Workflow_Type"),
            dataset_execution_version=self.has_column(f"{ML}:Dataset_Execution", "Dataset_Version"),
            directory_dataset=self.has_table(f"{ML}:Directory_Dataset"),
            minid_spec_hash=self.has_column(f"{ML}:Dataset_Version", "Minid_Spec_Hash"),
        )


_NOT_ELEMENTS = frozenset({EXECUTION, f"{ML}:Dataset_Version"})
"""Tables whose associations with datasets record how a dataset was used, not its members."""


def _nested(keys: list[ForeignKey]) -> ForeignKey:
    # In Dataset_Dataset the member is the column that is not named after the table.
    return next((key for key in keys if key.columns != ("Dataset",)), keys[-1])


def _best(tables: Iterable[Table], asset: Table, usual: str) -> Table | None:
    """The table with the usual name in the asset's schema, or else any candidate."""
    ranked = sorted(tables, key=lambda table: (table.name != usual, table.schema != asset.schema))
    return ranked[0] if ranked else None
