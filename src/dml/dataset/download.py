"""A dataset version on this machine: exported and filled in one call, and no second time where it is there already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dml.dataset.bag import DatasetBag
from dml.dataset.bag_export import export_bag
from dml.dataset.lookup import resolve
from dml.dataset.materialize import materialize
from dml.dataset.spec import DatasetSpec
from dml.errors import ConflictError
from dml.progress import SILENT, Progress

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["download_dataset_bag"]


def download_dataset_bag(
    catalog: Catalog, spec: DatasetSpec | str, directory: Path, *, progress: Progress = SILENT
) -> DatasetBag:
    """Bring a dataset version to a directory as a bag, with its files unless the specification says otherwise.

    Args:
        catalog: Where to read.
        spec: The dataset; without a version its current one.
        directory: The bag is ``<directory>/<RID>@<version>``. A bag that is there is filled, not made again; a
            development version is refused then, because it may have changed.
        progress: Told of each file.

    Raises:
        NotFoundError: No such dataset or version.
        ConflictError: A bag of a development version is there.
        IntegrityError: Bytes that do not match their checksum.
    """
    source = resolve(catalog, spec)
    place = directory / str(source)
    if not place.exists():
        export_bag(catalog, source, place)
    elif source.row.is_development:
        raise ConflictError(f"{place} holds {source} as it was earlier", hint="Remove it, or name another directory.")
    bag = DatasetBag(place)
    if source.spec.materialize:
        materialize(catalog, place, jobs=source.spec.fetch_concurrency, progress=progress)
    return bag
