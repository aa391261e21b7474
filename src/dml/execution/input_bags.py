"""Dataset versions as an execution reads them: brought to the cache once, and placed in the execution's directory.

A bag lies where any input lies, ``downloaded-assets/Dataset/RID``, its files reflinked or linked read-only, so that a
run cannot change what later runs are given.
"""

from __future__ import annotations

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
from dml.workspace import inputs
from dml.workspace.executions import get_execution
from dml.workspace.files import disk_errors, make_directory

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

__all__ = ["cached_bag", "execution_bag", "fetch_datasets", "input_bags"]


def cached_bag(session: WorkspaceSession, spec: DatasetSpec | str, *, progress: Progress = SILENT) -> DatasetBag:
    """A dataset version in the cache, fetched where it is missing. It is shared: change nothing in it.

    Raises:
        NotFoundError: No such dataset or version, or a file is gone from the object store.
        IntegrityError: Bytes that do not match their checksum.
    """
    return DatasetBag(_warm(session, spec, progress).path)


def execution_bag(session: WorkspaceSession, rid: str, spec: DatasetSpec, *, progress: Progress = SILENT) -> DatasetBag:
    """A dataset version in the directory of an execution that has it as input, through the cache.

    Args:
        session: Where.
        rid: The execution.
        spec: The dataset, its version named.
        progress: Told of each file.

    Raises:
        ConflictError: The execution has another version of the dataset already.
        NotFoundError, IntegrityError: As :func:`cached_bag`.
    """
    directory = session.workspace.downloaded_directory(rid, "Dataset", spec.rid)
    if not directory.exists():
        warm = _warm(session, spec, progress)
        with disk_errors(directory):
            make_directory(session.workspace.root, directory.parent)
        link_bag(warm.path, directory)
    bag = DatasetBag(directory)
    if spec.version is not None and bag.version != spec.version:
        raise ConflictError(
            f"{rid} has version {bag.version} of dataset {spec.rid} as input, not {spec.version}",
            hint="One execution reads one version of a dataset.",
        )
    inputs.mark_inputs(session.registry, rid, [("dataset", spec.rid)], "fetched", path=str(directory))
    return bag


def fetch_datasets(session: WorkspaceSession, rid: str, *, progress: Progress = SILENT) -> list[DatasetBag]:
    """Bring every input dataset of an execution to its directory; those that are there cost nothing.

    Writes the cache, the workspace and the registry.
    """
    declared = {one.rid: one for one in inputs.list_inputs(session.registry, rid) if one.kind == "dataset"}
    if not declared:
        return []
    configured = {spec.rid: spec for spec in configuration_of(get_execution(session.registry, rid)).datasets}
    specs = [configured.get(one.rid) or DatasetSpec(one.rid, one.version) for one in declared.values()]
    return [execution_bag(session, rid, spec, progress=progress) for spec in specs]


def input_bags(session: WorkspaceSession, rid: str) -> list[DatasetBag]:
    """The bags of an execution that are on disk, in the order of its inputs."""
    kept = [one for one in inputs.list_inputs(session.registry, rid) if one.kind == "dataset" and one.path]
    return [DatasetBag(Path(one.path)) for one in kept if one.path and Path(one.path).is_dir()]


def _warm(session: WorkspaceSession, spec: DatasetSpec | str, progress: Progress) -> WarmBag:
    with Index.writing(Cache.of(session.workspace, session.cache)) as index:
        return warm_bag(index, session.catalog, spec, progress=progress)
