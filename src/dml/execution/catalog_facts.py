"""What the catalog says about the inputs that a run names, read in bulk and in few steps.

Each step sends its requests at the same time.

The steps are: who we are; the model; the rows of everything that is named; what only these rows tell to ask (objects of
assets that are not cached, sizes of datasets that are not cached, the tables of RIDs that were not found).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from dml.asset.rows_by_rid import CatalogAsset, find_asset_rows
from dml.catalog.concurrency import gather
from dml.catalog.lazy import Lazy
from dml.catalog.objects import ObjectInfo, stat
from dml.catalog.rows import Row, RowLocation, locate, select, validate_rid
from dml.catalog.schema import DATASET
from dml.catalog.vocabulary import Term, terms
from dml.dataset.records import DATASET_VERSION, VersionRow, version_row
from dml.errors import UsageError
from dml.execution.input_cache_tiers import CacheTiers
from dml.execution.input_sizes import Sizes, live_sizes
from dml.execution.requested_inputs import RequestedDataset, RequestedInputs

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog, Identity
    from dml.catalog.schema import Schema

__all__ = ["CatalogFacts", "DatasetRow", "InputDetails", "InputRows", "is_rid", "requested_version"]

ASSET_TYPE: Final = "deriva-ml:Asset_Type"
WORKFLOW_TYPE: Final = "deriva-ml:Workflow_Type"
WORKFLOW: Final = "deriva-ml:Workflow"
_NESTED: Final = "deriva-ml:Dataset_Dataset"
_OBJECTS_AT_ONCE: Final = 32
_LOOKED_UP: Final = 8
"""The most RIDs whose tables are looked up one by one, to say what they are instead."""


@dataclass(frozen=True)
class DatasetRow:
    """A dataset as the catalog holds it, with its versions, newest first."""

    rid: str
    description: str
    deleted: bool
    versions: tuple[VersionRow, ...]


@dataclass(frozen=True)
class InputRows:
    """The rows of what is named.

    Attributes:
        datasets: Datasets by RID, among all RIDs that are named.
        assets: Assets by RID, likewise.
        workflow_types, asset_types: Terms.
        nested: Dataset → its nested datasets, of the whole catalog.
        workflow: The workflow that is named by its RID; None when none is named or found.
    """

    datasets: Mapping[str, DatasetRow]
    assets: Mapping[str, CatalogAsset]
    workflow_types: tuple[Term, ...]
    asset_types: tuple[Term, ...]
    nested: Mapping[str, tuple[str, ...]]
    workflow: Row | None


@dataclass(frozen=True)
class InputDetails:
    """What had to be asked after the rows were known.

    Attributes:
        objects: Asset RID → its object; None when the object is not there; absent for cached assets.
        elsewhere: RID that is neither dataset nor asset → where it is; absent for one that is nowhere.
        looked_up: The RIDs whose places were looked up: a missing one that is not among them may be anywhere.
        sizes: Files and bytes of the datasets that are not in the cache.
    """

    objects: Mapping[str, ObjectInfo | None] = field(default_factory=dict)
    elsewhere: Mapping[str, RowLocation] = field(default_factory=dict)
    looked_up: frozenset[str] = frozenset()
    sizes: Sizes = field(default_factory=Sizes)


class CatalogFacts:
    """The facts about the inputs of one run; each is read when it is first asked for.

    Attributes:
        catalog: The connection.
        identity, schema, rows, details: Functions that return the facts or raise the error that kept them.
    """

    def __init__(self, catalog: Catalog, requested: RequestedInputs, tiers: CacheTiers) -> None:
        self.catalog = catalog
        self._requested = requested
        self._tiers = tiers
        self.identity: Lazy[Identity | None] = Lazy(catalog.whoami)
        self.schema: Lazy[Schema] = Lazy(self._read_schema)
        self.rows: Lazy[InputRows] = Lazy(self._read_rows)
        self.details: Lazy[InputDetails] = Lazy(self._read_details)

    @property
    def named(self) -> list[str]:
        """Every well-formed RID that is named, each once."""
        requested = self._requested
        datasets, assets = [dataset.rid for dataset in requested.datasets], [asset.rid for asset in requested.assets]
        all_of_them = [*datasets, *assets, *requested.unclassified]
        return [rid for rid in dict.fromkeys(all_of_them) if is_rid(rid)]

    def _read_schema(self) -> Schema:
        self.identity()
        return self.catalog.schema()

    def _read_rows(self) -> InputRows:
        schema = self.schema()
        rids = self.named
        datasets_named = {one.rid for one in self._requested.datasets} | set(self._requested.unclassified)
        of_datasets = [rid for rid in rids if rid in datasets_named]
        expected = {one.rid for one in self._requested.assets} | set(self._requested.unclassified)
        rid = self._requested.workflow_rid
        calls: dict[str, Callable[[], Any]] = {
            "assets": partial(find_asset_rows, self.catalog, rids, expected),
            "workflow_types": self._terms(schema, WORKFLOW_TYPE),
            "asset_types": self._terms(schema, ASSET_TYPE),
        }
        if rids and schema.has_table(DATASET):
            calls["datasets"] = partial(select, self.catalog, DATASET, where={"RID": rids})
        if of_datasets and schema.has_table(DATASET_VERSION):
            calls["versions"] = partial(select, self.catalog, DATASET_VERSION, where={"Dataset": of_datasets})
            if schema.has_table(_NESTED):
                calls["nested"] = partial(select, self.catalog, _NESTED, columns=["Dataset", "Nested_Dataset"])
        if rid and is_rid(rid):
            calls["workflow"] = partial(select, self.catalog, WORKFLOW, where={"RID": rid})
        read = dict(zip(calls, gather(list(calls.values())), strict=True))
        nested: dict[str, list[str]] = defaultdict(list)
        for row in read.get("nested", ()):
            nested[str(row["Dataset"])].append(str(row["Nested_Dataset"]))
        return InputRows(
            datasets=_datasets(read.get("datasets", ()), read.get("versions", ())),
            assets=read["assets"],
            workflow_types=tuple(read["workflow_types"]),
            asset_types=tuple(read["asset_types"]),
            nested={rid: tuple(inner) for rid, inner in nested.items()},
            workflow=next(iter(read.get("workflow", ())), None),
        )

    def _terms(self, schema: Schema, table: str) -> Callable[[], list[Term]]:
        return partial(terms, self.catalog, table) if schema.has_table(table) else list

    def _read_details(self) -> InputDetails:
        rows = self.rows()
        uncached = [rid for rid, asset in rows.assets.items() if not self._tiers.has_asset(rid, asset.row)]
        nowhere = [rid for rid in self.named if rid not in rows.assets and rid not in rows.datasets][:_LOOKED_UP]
        named = (*self._requested.datasets, *(RequestedDataset(rid) for rid in self._requested.unclassified))
        there = [one for one in named if one.rid in rows.datasets]
        datasets = [one.rid for one in there if one.materialize and not self._tiers.knows(one)]
        calls: list[Callable[[], Any]] = [
            partial(live_sizes, self.catalog, datasets, rows.nested),
            partial(locate, self.catalog, nowhere),
        ]
        calls += [partial(stat, self.catalog, str(rows.assets[rid].row["URL"])) for rid in uncached]
        sizes, elsewhere, *objects = gather(calls, at_once=_OBJECTS_AT_ONCE)
        return InputDetails(dict(zip(uncached, objects, strict=True)), elsewhere, frozenset(nowhere), sizes)


def is_rid(text: str) -> bool:
    """Whether a text has a RID's form."""
    try:
        return validate_rid(text) == text
    except UsageError:
        return False


def requested_version(dataset: RequestedDataset, row: DatasetRow) -> VersionRow | None:
    """The version that is meant; None when the dataset does not have it."""
    from dml.dataset.version import DatasetVersion

    if dataset.version is None:
        return row.versions[0] if row.versions else None
    try:
        wanted = DatasetVersion(dataset.version)
    except UsageError:
        return None
    return next((version for version in row.versions if version.version == wanted), None)


def _datasets(rows: Any, versions: Any) -> dict[str, DatasetRow]:
    by_dataset: dict[str, list[VersionRow]] = defaultdict(list)
    for row in versions:
        if row.get("Dataset"):
            by_dataset[str(row["Dataset"])].append(version_row(row))
    return {
        str(row["RID"]): DatasetRow(
            rid=str(row["RID"]),
            description=str(row.get("Description") or ""),
            deleted=bool(row.get("Deleted")),
            versions=tuple(sorted(by_dataset[str(row["RID"])], key=_newest, reverse=True)),
        )
        for row in rows
    }


def _newest(row: VersionRow) -> tuple[bool, Any, str]:
    from dml.dataset.version import first_version

    return row.version is not None, row.version or first_version(), row.text
