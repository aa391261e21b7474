"""Datasets: what a specification means, which versions there are, how they are curated, exported and read.

The names below are the public API. Each is loaded when it is first used, so that what only reads a specification does
not load what speaks to a catalog.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.dataset.bag import DatasetBag, FeatureValue, newest
    from dml.dataset.bag_export import BagReport, export_bag
    from dml.dataset.curation import create_dataset, delete_dataset, new_token
    from dml.dataset.denormalized_rows import denormalize
    from dml.dataset.download import download_dataset_bag
    from dml.dataset.live_dataset import LiveDataset
    from dml.dataset.lookup import Dataset, ResolvedDataset, VersionRow, find_dataset, history, list_datasets, resolve
    from dml.dataset.materialize import Materialized
    from dml.dataset.members import add_members, list_members, remove_members
    from dml.dataset.releases import Release, mark_dev, release
    from dml.dataset.restructure import restructure_assets
    from dml.dataset.spec import DatasetSpec
    from dml.dataset.split import Choice, Part, Split, make_subset, split_dataset
    from dml.dataset.version import DatasetVersion, VersionPart

_HOMES = {
    "bag": ("DatasetBag", "FeatureValue", "newest"),
    "bag_export": ("BagReport", "export_bag"),
    "curation": ("create_dataset", "delete_dataset", "new_token"),
    "denormalized_rows": ("denormalize",),
    "download": ("download_dataset_bag",),
    "live_dataset": ("LiveDataset",),
    "lookup": ("Dataset", "ResolvedDataset", "VersionRow", "find_dataset", "history", "list_datasets", "resolve"),
    "materialize": ("Materialized",),
    "members": ("add_members", "list_members", "remove_members"),
    "releases": ("Release", "mark_dev", "release"),
    "restructure": ("restructure_assets",),
    "spec": ("DatasetSpec",),
    "split": ("Choice", "Part", "Split", "make_subset", "split_dataset"),
    "version": ("DatasetVersion", "VersionPart"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BagReport",
    "Choice",
    "Dataset",
    "DatasetBag",
    "DatasetSpec",
    "DatasetVersion",
    "FeatureValue",
    "LiveDataset",
    "Materialized",
    "Part",
    "Release",
    "ResolvedDataset",
    "Split",
    "VersionPart",
    "VersionRow",
    "add_members",
    "create_dataset",
    "delete_dataset",
    "denormalize",
    "download_dataset_bag",
    "export_bag",
    "find_dataset",
    "history",
    "list_datasets",
    "list_members",
    "make_subset",
    "mark_dev",
    "new_token",
    "newest",
    "release",
    "remove_members",
    "resolve",
    "restructure_assets",
    "split_dataset",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
