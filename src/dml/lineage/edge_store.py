"""The provenance edges and rows of a catalog that have been read so far, in memory.

Both edge sources fill an ``EdgeStore``, and the walks read nothing else. A row that is added twice counts once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dml.dataset.version import DatasetVersion
from dml.errors import UsageError
from dml.lineage.graph import rid_sort_key
from dml.lineage.nodes import Asset, Condition, DatasetState
from dml.lineage.tables import INPUT, OUTPUT, AssetTable

__all__ = ["DatasetUse", "EdgeStore", "MemberProducers", "VersionInfo"]

MemberProducers = Mapping[tuple[str, str], int]
"""Number of members of a dataset version by their producer and table: (execution RID, ``schema:Table``)."""


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """A link between an execution and a dataset.

    Attributes:
        execution, dataset: RIDs.
        version: RID of the row of the version; None when it is not recorded.
    """

    execution: str
    dataset: str
    version: str | None


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """The columns of a ``Dataset_Version`` row that lineage needs."""

    rid: str
    dataset: str
    text: str
    execution: str | None
    snapshot: str
    created: str

    @property
    def order(self) -> tuple[bool, DatasetVersion, str]:
        """A sort key by PEP 440; text that is not a version comes first."""
        return _order(self.text)

    @property
    def is_development(self) -> bool:
        """Whether it is a development version."""
        valid, version, _ = self.order
        return valid and version.is_development


@lru_cache(maxsize=65_536)
def _order(text: str) -> tuple[bool, DatasetVersion, str]:
    # Cached: each use of a dataset compares all its versions.
    try:
        return True, DatasetVersion(text), text
    except UsageError:
        return False, DatasetVersion("0"), text


class EdgeStore:
    """Edges and rows, indexed for the walks.

    Attributes:
        uses: Dataset links by execution; in older catalogs these include the outputs.
        users: Dataset links by dataset.
        versions: Versions by dataset.
        version_rows: Versions by RID of the row.
        made_versions: Versions by the execution that produced them.
        datasets: Description and ``Deleted`` by dataset, where the row could be read.
        read, readers: Input assets by execution, and executions by input asset.
        made: Output assets by execution.
        assets: Assets by RID.
        live_members: Producers of the current members by dataset.
        containers: Datasets that currently contain an asset, by asset.
        warnings: What could not be read, one sentence each; the values are unused.
    """

    def __init__(self) -> None:
        self.uses: dict[str, set[DatasetUse]] = defaultdict(set)
        self.users: dict[str, set[DatasetUse]] = defaultdict(set)
        self.versions: dict[str, list[VersionInfo]] = defaultdict(list)
        self.version_rows: dict[str, VersionInfo] = {}
        self.made_versions: dict[str, list[VersionInfo]] = defaultdict(list)
        self.datasets: dict[str, tuple[str, bool]] = {}
        self.read: dict[str, set[str]] = defaultdict(set)
        self.readers: dict[str, set[str]] = defaultdict(set)
        self.made: dict[str, set[str]] = defaultdict(set)
        self._producers: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
        self.assets: dict[str, Asset] = {}
        self.live_members: dict[str, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
        self.containers: dict[str, set[str]] = defaultdict(set)
        self._links: set[str] = set()
        self.warnings: dict[str, None] = {}

    def add_version(self, row: Mapping[str, Any]) -> None:
        """Add a row of ``Dataset_Version`` joined with its dataset."""
        rid, dataset = str(row["RID"]), row.get("Dataset")
        if not dataset or rid in self.version_rows:
            return
        text, snapshot = str(row.get("Version") or ""), str(row.get("Snapshot") or "")
        version = VersionInfo(rid, dataset, text, row.get("Execution"), snapshot, str(row.get("RCT") or ""))
        self.version_rows[rid] = version
        self.versions[dataset].append(version)
        if version.execution:
            self.made_versions[version.execution].append(version)
        if row.get("dataset_row"):
            self.datasets[dataset] = (str(row.get("dataset_description") or ""), bool(row.get("dataset_deleted")))

    def add_use(self, row: Mapping[str, Any]) -> None:
        """Add a row of ``Dataset_Execution``."""
        use = DatasetUse(str(row["Execution"]), str(row["Dataset"]), row.get("Dataset_Version"))
        self.uses[use.execution].add(use)
        self.users[use.dataset].add(use)

    def add_link(self, entry: AssetTable, row: Mapping[str, Any]) -> None:
        """Add a row of ``{Asset}_Execution`` joined with its asset and the datasets that hold it."""
        if row["link"] in self._links:
            return
        self._links.add(row["link"])
        asset, execution = str(row["asset"]), str(row["execution"])
        self.add_asset(entry.table, asset, row)
        if row["role"] == INPUT:
            self.read[execution].add(asset)
            self.readers[asset].add(execution)
        elif row["role"] == OUTPUT:
            self.made[execution].add(asset)
            self._producers[asset].add((str(row.get("linked") or ""), "", execution))
            for dataset in row.get("datasets") or ():
                if dataset is not None:
                    self.live_members[dataset][execution, entry.table] += 1
        for dataset in row.get("datasets") or ():
            if dataset is not None:
                self.containers[asset].add(dataset)

    def add_asset(self, table: str, rid: str, row: Mapping[str, Any]) -> None:
        """Add an asset from a row; one without URL could not be read."""
        if rid not in self.assets or self.assets[rid].condition is not Condition.present:
            self.assets[rid] = _asset(table, rid, row)

    def producers_of(self, asset: str) -> list[str]:
        """RIDs of the executions that produced an asset, the earliest first."""
        return [execution for _, _, execution in sorted(self._producers.get(asset, ()))]

    def current(self, dataset: str) -> VersionInfo | None:
        """The newest version by PEP 440; None for a dataset without versions."""
        return max(self.versions.get(dataset, ()), key=lambda version: version.order, default=None)

    def version_named(self, dataset: str, text: str) -> VersionInfo | None:
        """The version with this text, else one that is equal by PEP 440; None for neither."""
        known = self.versions.get(dataset, ())
        exact = [version for version in known if version.text == text]
        if exact:
            return exact[0]
        wanted = VersionInfo("", dataset, text, None, "", "").order
        return next((version for version in known if wanted[0] and version.order[:2] == wanted[:2]), None)

    def state(self, dataset: str, version: VersionInfo | None) -> DatasetState:
        """The node of a dataset version; ``version`` is None for a dataset without versions."""
        row = self.datasets.get(dataset)
        condition = Condition.missing if row is None else Condition.deleted if row[1] else Condition.present
        description = row[0] if row else ""
        if version is None:
            return DatasetState(dataset, "", condition, description)
        return DatasetState(dataset, version.text, condition, description, version.snapshot, version.created)

    def version_producers(self, dataset: str, text: str) -> list[str]:
        """RIDs of the executions that produced a version; for a development version also that of its base release."""
        version = self.version_named(dataset, text)
        if version is None:
            return []
        producers = [version.execution] if version.execution else []
        if version.is_development:
            released = [row for row in self.versions[dataset] if not row.is_development and row.order < version.order]
            base = max(released, key=lambda row: row.order, default=None)
            producers += [base.execution] if base is not None and base.execution else []
        return sorted(set(producers), key=rid_sort_key)

    def is_output(self, use: DatasetUse, *, consumed_versions: bool) -> bool:
        """Whether a link in an older catalog is an output: the execution produced a version of the dataset."""
        if consumed_versions:
            return False
        return any(version.execution == use.execution for version in self.versions.get(use.dataset, ()))


def _asset(table: str, rid: str, row: Mapping[str, Any]) -> Asset:
    if not row.get("URL"):
        return Asset(rid, table, Condition.missing)
    length = row.get("Length")
    return Asset(
        rid,
        table,
        Condition.unknown_provenance if is_unknown_file(str(row["URL"])) else Condition.present,
        str(row.get("Filename") or ""),
        int(length) if length is not None else None,
        str(row.get("MD5") or ""),
        str(row["URL"]),
        str(row.get("Description") or ""),
        str(row.get("asset_created") or row.get("RCT") or ""),
    )


def is_unknown_file(url: str) -> bool:
    """Whether the URL is that of deriva-ml's placeholder file for unknown provenance."""
    return url == "tag:deriva-ml,unknown-provenance:file"
