"""Inputs in configuration modules: the Hydra forms of dataset, asset and file specifications."""

from __future__ import annotations

from typing import Any

from hydra_zen import hydrated_dataclass

from dml.dataset.spec import DatasetSpec
from dml.execution.configuration import AssetSpec, LocalFile

__all__ = ["AssetRID", "AssetSpecConfig", "DatasetSpecConfig", "LocalFileConfig"]


class AssetRID(str):
    """The RID of an asset, with a description for readers of the configuration."""

    description: str

    def __new__(cls, rid: str, description: str = "") -> AssetRID:
        """Create a string with a description."""
        instance = super().__new__(cls, rid)
        instance.description = description
        return instance

    @property
    def rid(self) -> str:
        """The RID as a plain string."""
        return str(self)


@hydrated_dataclass(DatasetSpec)
class DatasetSpecConfig:
    """A dataset in a configuration; the fields are those of ``DatasetSpec``."""

    rid: str
    version: Any = None
    materialize: bool = True
    description: str = ""
    exclude_tables: Any = None
    timeout: Any = None
    fetch_concurrency: int = 8
    reachability_concurrency: int = 8


@hydrated_dataclass(AssetSpec)
class AssetSpecConfig:
    """An asset in a configuration; the fields are those of ``AssetSpec``."""

    rid: str
    cache: bool = False


@hydrated_dataclass(LocalFile)
class LocalFileConfig:
    """A file on this machine in a configuration; the fields are those of ``LocalFile``."""

    path: str
    cache: bool = False
