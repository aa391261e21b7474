"""Inputs as a configuration or a command line names them, before they are looked up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dml.dataset.spec import DatasetSpec
    from dml.execution.configuration import ExecutionConfiguration

__all__ = ["RequestedAsset", "RequestedDataset", "RequestedFile", "RequestedInputs"]


@dataclass(frozen=True)
class RequestedDataset:
    """A dataset as it is named.

    Attributes:
        rid: RID as written, which may be malformed.
        version: Version as text; None when none is given.
        materialize: Whether its files are needed.
        excluded: Tables to leave out.
    """

    rid: str
    version: str | None = None
    materialize: bool = True
    excluded: tuple[str, ...] = ()

    @classmethod
    def of(cls, spec: DatasetSpec) -> RequestedDataset:
        """The dataset that a specification names."""
        version = str(spec.version) if spec.version else None
        return cls(spec.rid, version, spec.materialize, tuple(sorted(spec.exclude_tables)))

    def __str__(self) -> str:
        return f"{self.rid}@{self.version}" if self.version else self.rid


@dataclass(frozen=True)
class RequestedAsset:
    """An asset as it is named."""

    rid: str
    cache: bool = False


@dataclass(frozen=True)
class RequestedFile:
    """A file on this machine, as it is named."""

    path: str


@dataclass(frozen=True)
class RequestedInputs:
    """All inputs of one run, and its workflow.

    Attributes:
        datasets: The datasets, without repeats.
        assets: The assets, without repeats.
        unclassified: RIDs that are given without saying whether they are datasets or assets.
        workflow_rid: RID of the workflow; None when it is not given by RID.
    """

    datasets: tuple[RequestedDataset, ...] = ()
    assets: tuple[RequestedAsset, ...] = ()
    unclassified: tuple[str, ...] = ()
    workflow_rid: str | None = None

    @classmethod
    def of(cls, configuration: ExecutionConfiguration, unclassified: Iterable[str] = ()) -> RequestedInputs:
        """The inputs of a configuration, and further RIDs of unknown kind."""
        return cls(
            tuple(RequestedDataset.of(spec) for spec in configuration.datasets),
            tuple(RequestedAsset(spec.rid, spec.cache) for spec in configuration.asset_specs),
            tuple(unclassified),
            configuration.workflow.workflow_rid if configuration.workflow else None,
        )
