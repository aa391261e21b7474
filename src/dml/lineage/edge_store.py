"""What has been read of a catalog's provenance so far: edges and rows in memory, however they were fetched.

Both strategies of reading fill the same ``EdgeStore``; the walks ask nothing else. Rows that are read twice count
once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dml.dataset.version import DatasetVersion
from dml.errors import UsageError
from dml.lineage.graph import Asset, Condition, DatasetState, natural
from dml.lineage.tables import INPUT, OUTPUT, AssetTable

__all__ = ["EdgeStore", "Makers", "Use", "Version"]

Makers = Mapping[tuple[str, str], int]
"""Who made the members of a dataset version: (execution, asset table) to how many of its members."""


@dataclass(frozen=True, slots=True)
class Use:
    """An execution and a dataset it is linked with.

    Attributes:
        execution, dataset: RIDs.
        version: RID of the version that was read; None when it was not recorded.
    """

    execution: str
    dataset: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """A row of ``Dataset_Version`` as far as lineage needs it."""

    rid: str
    dataset: str
    text: str
    execution: str | None
    snapshot: str
    created: str

    @property
    def order(self) -> tuple[bool, DatasetVersion, str]:
        """Sorts versions by PEP 440; what is no version comes first."""
        return _order(self.text)

    @property
    def is_development(self) -> bool:
        """Whether it is unreleased work."""
        valid, version, _ = self.order
        return valid and version.is_development


@lru_cache(maxsize=65_536)
def _order(text: str) -> tuple[bool, DatasetVersion, str]:
    # Asked again for each use of a dataset with many versions.
    try:
        return True, DatasetVersion(text), text
    except UsageError:
        return False, DatasetVersion("0"), text


class EdgeStore:
    """Edges and rows by what they are asked for.

    Attributes:
        uses: By execution; on older catalogs they hold what an execution made as well.
        users: The same by dataset.
        versions: By dataset.
        version_rows: By RID of the version.
        made_versions: By execution.
        datasets: Description and ``Deleted`` of the datasets whose row could be read.
        read, readers: Assets by the execution that read them, and the other way round.
        made: Assets by the execution that made them.
        assets: Assets by RID.
        live_members: Who made the present members, by dataset.
        containers: Datasets that hold an asset at present.
        warnings: What could not be read, for people.
    """

    def __init__(self) -> None:
        self.uses: dict[str, set[Use]] = defaultdict(set)
        self.users: dict[str, set[Use]] = defaultdict(set)
        self.versions: dict[str, list[Version]] = defaultdict(list)
        self.version_rows: dict[str, Version] = {}
        self.made_versions: dict[str, list[Version]] = defaultdict(list)
        self.datasets: dict[str, tuple[str, bool]] = {}
        self.read: dict[str, set[str]] = defaultdict(set)
        self.readers: dict[str, set[str]] = defaultdict(set)
        self.made: dict[str, set[str]] = defaultdict(set)
        self._makers: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
        self.assets: dict[str, Asset] = {}
        self.live_members: dict[str, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
        self.containers: dict[str, set[str]] = defaultdict(set)
        self._links: set[str] = set()
        self.warnings: dict[str, None] = {}

    def add_version(self, row: Mapping[str, Any]) -> None:
        """Take in a row of ``Dataset_Version`` joined with its dataset."""
        rid, dataset = str(row["RID"]), row.get("Dataset")
        if not dataset or rid in self.version_rows:
            return
        text, snapshot = str(row.get("Version") or ""), str(row.get("Snapshot") or "")
        version = Version(rid, dataset, text, row.get("Execution"), snapshot, str(row.get("RCT") or ""))
        self.version_rows[rid] = version
        self.versions[dataset].append(version)
        if version.execution:
            self.made_versions[version.execution].append(version)
        if row.get("dataset_row"):
            self.datasets[dataset] = (str(row.get("dataset_description") or ""), bool(row.get("dataset_deleted")))

    def add_use(self, row: Mapping[str, Any]) -> None:
        """Take in a row of ``Dataset_Execution``."""
        use = Use(str(row["Execution"]), str(row["Dataset"]), row.get("Dataset_Version"))
        self.uses[use.execution].add(use)
        self.users[use.dataset].add(use)

    def add_link(self, entry: AssetTable, row: Mapping[str, Any]) -> None:
        """Take in a row of ``{Asset}_Execution`` joined with its asset and the datasets that hold it."""
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
            self._makers[asset].add((str(row.get("linked") or ""), "", execution))
            for dataset in row.get("datasets") or ():
                if dataset is not None:
                    self.live_members[dataset][execution, entry.table] += 1
        for dataset in row.get("datasets") or ():
            if dataset is not None:
                self.containers[asset].add(dataset)

    def add_asset(self, table: str, rid: str, row: Mapping[str, Any]) -> None:
        """Take in the columns of an asset; a row without URL is one that could not be read."""
        if rid not in self.assets or self.assets[rid].condition is not Condition.present:
            self.assets[rid] = _asset(table, rid, row)

    def makers(self, asset: str) -> list[str]:
        """The executions that made an asset, the first one first."""
        return [execution for _, _, execution in sorted(self._makers.get(asset, ()))]

    def current(self, dataset: str) -> Version | None:
        """The newest version by PEP 440; None when there is none."""
        return max(self.versions.get(dataset, ()), key=lambda version: version.order, default=None)

    def version_named(self, dataset: str, text: str) -> Version | None:
        """The version with this text or, failing that, an equal one by PEP 440."""
        known = self.versions.get(dataset, ())
        exact = [version for version in known if version.text == text]
        if exact:
            return exact[0]
        wanted = Version("", dataset, text, None, "", "").order
        return next((version for version in known if wanted[0] and version.order[:2] == wanted[:2]), None)

    def state(self, dataset: str, version: Version | None) -> DatasetState:
        """The node of a dataset in one version; None for a dataset that has none."""
        row = self.datasets.get(dataset)
        condition = Condition.missing if row is None else Condition.deleted if row[1] else Condition.present
        description = row[0] if row else ""
        if version is None:
            return DatasetState(dataset, "", condition, description)
        return DatasetState(dataset, version.text, condition, description, version.snapshot, version.created)

    def version_makers(self, dataset: str, text: str) -> list[str]:
        """The executions that made this version; for unreleased work also the one of the release it builds on."""
        version = self.version_named(dataset, text)
        if version is None:
            return []
        found = [version.execution] if version.execution else []
        if version.is_development:
            released = [one for one in self.versions[dataset] if not one.is_development and one.order < version.order]
            base = max(released, key=lambda one: one.order, default=None)
            found += [base.execution] if base is not None and base.execution else []
        return sorted(set(found), key=natural)

    def is_output(self, use: Use, *, consumed_versions: bool) -> bool:
        """Whether a link of an older catalog says that the execution made the dataset, not that it read it."""
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
