"""Dataset versions as inputs of an execution: fetched into the cache once, and placed in the execution's directory.

A bag is placed like any input, in ``downloaded-assets/Dataset/RID``. Its files are reflinks or read-only links, so that
a run cannot change what later runs are given.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.link import link_bag
from dml.cache.warm_bag import WarmBag, warm_bag
from dml.dataset.bag import DatasetBag
from dml.dataset.spec import DatasetSpec
from dml.errors import ConflictError
from dml.execution.configuration import configuration_of
from dml.progress import SILENT, Progress
from dml.workspace import executions, inputs
from dml.workspace.files import disk_errors, make_directory
from dml.workspace.inputs import InputRecord

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

__all__ = ["cached_bag", "execution_bag", "fetch_datasets", "input_bags"]


def cached_bag(session: WorkspaceSession, spec: DatasetSpec | str, *, progress: Progress = SILENT) -> DatasetBag:
    """A dataset version in the cache, fetched if it is missing. The bag is shared and must not be changed.

    Raises:
        NotFoundError: The dataset or version does not exist, or a file is missing from the object store.
        IntegrityError: Bytes do not match their checksum.
    """
    return DatasetBag(_warm(session, spec, progress).path)


def execution_bag(session: WorkspaceSession, rid: str, spec: DatasetSpec, *, progress: Progress = SILENT) -> DatasetBag:
    """A dataset version in the directory of an execution that has it as input, fetched through the cache.

    Args:
        session: The workspace and its catalog.
        rid: The execution.
        spec: The dataset with its version.
        progress: Receives the progress of each file.

    Raises:
        ConflictError: The execution has another version of the dataset.
        NotFoundError, IntegrityError: As :func:`cached_bag`.
    """
    directory = session.workspace.downloaded_directory(rid, "Dataset", spec.rid)
    if not directory.exists():
        bag = _warm(session, spec, progress)
        with disk_errors(directory):
            make_directory(session.workspace.root, directory.parent)
        link_bag(bag.path, directory)
    placed = DatasetBag(directory)
    if spec.version is not None and placed.version != spec.version:
        raise ConflictError(
            f"{rid} has version {placed.version} of dataset {spec.rid} as input, not {spec.version}",
            hint="One execution reads one version of a dataset.",
        )
    inputs.mark_inputs(session.registry, rid, [("dataset", spec.rid)], "fetched", path=str(directory))
    return placed


def fetch_datasets(
    session: WorkspaceSession, rid: str, records: Iterable[InputRecord], *, progress: Progress = SILENT
) -> None:
    """Fetch input datasets of an execution into its directory; no request for those that are there already.

    Writes the cache, the workspace and the registry.
    """
    configuration = configuration_of(executions.get_execution(session.registry, rid))
    configured = {spec.rid: spec for spec in configuration.datasets}
    for record in records:
        spec = configured.get(record.rid) or DatasetSpec(record.rid, record.version)
        execution_bag(session, rid, spec, progress=progress)


def input_bags(session: WorkspaceSession, rid: str) -> list[DatasetBag]:
    """The bags of an execution that are on disk, in the order of its inputs."""
    records = inputs.list_inputs(session.registry, rid)
    paths = [Path(record.path) for record in records if record.kind == "dataset" and record.path]
    return [DatasetBag(path) for path in paths if path.is_dir()]


def _warm(session: WorkspaceSession, spec: DatasetSpec | str, progress: Progress) -> WarmBag:
    with Index.writing(Cache.of(session.workspace, session.cache)) as index:
        return warm_bag(index, session.catalog, spec, progress=progress)
