"""Inputs as a configuration or a command line names them, before anyone has looked them up."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RequestedAsset", "RequestedDataset", "RequestedFile", "RequestedInputs"]


@dataclass(frozen=True)
class RequestedDataset:
    """A dataset as it is named.

    Attributes:
        rid: Its RID, as written.
        version: Its version as text; None when none is named.
        materialize: Whether its files are wanted.
        excluded: Tables that are left out.
    """

    rid: str
    version: str | None = None
    materialize: bool = True
    excluded: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.rid}@{self.version}" if self.version else self.rid


@dataclass(frozen=True)
class RequestedAsset:
    """An asset as it is named."""

    rid: str
    cache: bool = False


@dataclass(frozen=True)
class RequestedFile:
    """A file of this machine, as it is named."""

    path: str


@dataclass(frozen=True)
class RequestedInputs:
    """Everything that one run names.

    Attributes:
        datasets: Datasets, each once.
        assets: Assets, each once.
        either: RIDs named without saying whether they are datasets or assets.
        workflow_rid: The workflow, when it is named by RID.
    """

    datasets: tuple[RequestedDataset, ...] = ()
    assets: tuple[RequestedAsset, ...] = ()
    either: tuple[str, ...] = ()
    workflow_rid: str | None = None
