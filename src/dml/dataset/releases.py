"""Moves a dataset from one version to the next: marks it as changed, then releases it.

Every step may be interrupted and repeated:

* a change is announced before it is made (:func:`mark_dev`), so no release contains a change without a version;
* a release is first a row (its number, producer and description) and then, when everything it covers is written, the
  snaptime at which it is read. A released row without a snapshot is therefore an interrupted release, which the next
  :func:`release` completes instead of starting another;
* releasing a dataset that has not changed since its last release does nothing.

Two processes that advance the same dataset are serialised by a compare-and-set on the text of the version; the slower
one reads it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dml.catalog.rows import compare_and_set, delete, insert, update
from dml.catalog.schema import DATASET
from dml.dataset.lookup import find_dataset, read_versions
from dml.dataset.records import DATASET_VERSION, Dataset, VersionRow, version_row
from dml.dataset.version import DatasetVersion, VersionPart, first_version
from dml.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Release", "mark_dev", "record_snapshot", "release"]

_ATTEMPTS = 5
"""How often a step is tried while other processes are faster."""


@dataclass(frozen=True)
class Release:
    """The result of :func:`release`.

    Attributes:
        row: The version that the dataset has now.
        made: Whether this call released it; False when there was nothing to release.
    """

    row: VersionRow
    made: bool


def mark_dev(catalog: Catalog, rid: str, *, description: str = "", execution: str | None = None) -> VersionRow:
    """Record that a dataset has changed since its last release, or has changed again.

    Writes a ``Dataset_Version`` row (``<last release>.post1.dev1``, no snapshot), or advances the one that exists, and
    points ``Dataset.Version`` at it. A dataset has at most one development version.

    Args:
        catalog: Where to write.
        rid: The dataset.
        description: What changes; when empty, an existing development version keeps its description.
        execution: RID of the execution that makes the change, recorded as its producer.

    Raises:
        NotFoundError: No such dataset.
        ConflictError: It is marked as deleted, or other processes keep advancing it.
    """
    for _ in range(_ATTEMPTS):
        dataset = find_dataset(catalog, rid)
        current = dataset.current
        if current is not None and current.is_unfinished:
            # The change must not become part of an interrupted release, so that is finished first.
            current = record_snapshot(catalog, current)
        version = (current.version if current and current.version else first_version()).next_development()
        row = (
            _advance(catalog, current, version, description, execution)
            if current is not None and current.is_development
            else _insert(catalog, rid, version, description, execution)
        )
        if row is not None:
            _update_pointer(catalog, dataset, row)
            return row
    raise _contended(rid)


def release(
    catalog: Catalog,
    rid: str,
    part: VersionPart = VersionPart.minor,
    *,
    description: str = "",
    execution: str | None = None,
    version: DatasetVersion | None = None,
) -> Release:
    """Release a dataset as it is now: its development version becomes a release with a snapshot.

    Args:
        catalog: Where to write.
        rid: The dataset.
        part: The number of the version that is incremented.
        description: What is new; when empty, the description of the development version remains.
        execution: RID of the producing execution; None keeps the producer of the development version.
        version: The version of the release, instead of incrementing ``part``. It must be newer than the last release; a
            dataset that has exactly this version is left as it is.

    Raises:
        NotFoundError: No such dataset.
        UsageError: ``version`` is a development version, or not newer than the last release.
        ConflictError: The dataset is marked as deleted, or other processes keep advancing it.
    """
    for _ in range(_ATTEMPTS):
        dataset = find_dataset(catalog, rid)
        current = dataset.current
        if current is None:
            mark_dev(catalog, rid, description=description, execution=execution)
            continue
        if not current.is_development:
            is_interrupted = current.is_unfinished
            if not is_interrupted and version is not None and version != current.version:
                raise UsageError(
                    f"Dataset {rid} has not changed since {current.text}, so there is nothing to release as {version}",
                    hint=f"If rows that it refers to have changed, run `dml dataset mark-dev {rid}` first.",
                )
            _update_pointer(catalog, dataset, current)
            return Release(record_snapshot(catalog, current), is_interrupted)
        row = _advance(catalog, current, _release_version(dataset, part, version), description, execution)
        if row is not None:
            _update_pointer(catalog, dataset, row)
            return Release(record_snapshot(catalog, row), made=True)
    raise _contended(rid)


def record_snapshot(catalog: Catalog, row: VersionRow) -> VersionRow:
    """Record the snaptime of a released version if it has none: the last step of every release.

    What was written before this call is part of the version; what is written later is not.
    """
    if not row.is_unfinished:
        return row
    for _ in range(_ATTEMPTS):
        snaptime = catalog.snaptime()
        if compare_and_set(catalog, DATASET_VERSION, row.rid, "Snapshot", None, snaptime):
            return replace(row, snapshot=snaptime)
        stored = next((other for other in read_versions(catalog, row.dataset) if other.rid == row.rid), None)
        if stored is None:
            raise ConflictError(f"Version {row.text} of dataset {row.dataset} was deleted while it was being released")
        if not stored.is_unfinished:
            return stored
    raise _contended(row.dataset)


def _insert(
    catalog: Catalog, rid: str, version: DatasetVersion, description: str, execution: str | None
) -> VersionRow | None:
    """Insert a development version; None when another process has inserted one.

    Between reading the versions and this insertion a second process may have inserted the same version and a third one
    advanced it, so that its text was free again and there are two development versions now. Then the lower one is
    deleted by the process that inserted it; nothing refers to it yet.
    """
    values = {"Dataset": rid, "Version": str(version), "Description": description, "Execution": execution}
    inserted = insert(catalog, DATASET_VERSION, [values], on_conflict="skip")
    if not inserted:
        return None
    row = version_row(inserted[0])
    newest = read_versions(catalog, rid)[0]
    if newest.rid != row.rid and newest.is_development:
        delete(catalog, DATASET_VERSION, {"RID": row.rid, "Version": row.text})
        return None
    return row


def _advance(
    catalog: Catalog, row: VersionRow, version: DatasetVersion, description: str, execution: str | None
) -> VersionRow | None:
    """Give a development version its next number, or that of a release; None when another process has advanced it."""
    after = replace(
        row,
        text=str(version),
        version=version,
        description=description or row.description,
        execution=execution or row.execution,
    )
    also = {"Description": after.description, "Execution": after.execution}
    done = compare_and_set(catalog, DATASET_VERSION, row.rid, "Version", row.text, after.text, also)
    return after if done else None


def _update_pointer(catalog: Catalog, dataset: Dataset, row: VersionRow) -> None:
    """Point ``Dataset.Version`` at the current version, as deriva-ml does."""
    if dataset.pointer != row.rid:
        update(catalog, DATASET, [{"RID": dataset.rid, "Version": row.rid}], columns=["Version"])


def _release_version(dataset: Dataset, part: VersionPart, version: DatasetVersion | None) -> DatasetVersion:
    released = [row.version for row in dataset.versions if row.version and not row.is_development]
    if version is None:
        base = max(released, default=None)
        return base.next_release(part) if base else first_version()
    if version.is_development or str(version) != str(version.last_release):
        raise UsageError(f"{version} is not a release", hint="Write three numbers, as in 1.2.0.")
    if released and version <= max(released):
        raise UsageError(f"{version} is not newer than {max(released)}, the last release of dataset {dataset.rid}")
    return version


def _contended(rid: str) -> ConflictError:
    return ConflictError(f"Other processes keep changing the version of dataset {rid}", hint="Run the command again.")
