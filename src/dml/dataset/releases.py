"""How a dataset moves from one version to the next: marked as changed, then released.

Every step may be cut short and repeated:

* a change is announced before it is made (:func:`mark_dev`), so no release ever covers up an unversioned change;
* a release is first a row (its number, producer and description) and then, once everything it covers is written, the
  snaptime after which the row reads. A released row without a snapshot is therefore an interrupted release, and
  the next :func:`release` completes it instead of starting another;
* releasing a dataset that has not changed since its last release does nothing.

Two processes that advance one dataset at a time meet in a compare-and-set on the version's text, and the
slower one looks again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dml.catalog.rows import compare_and_set, delete, insert, select, update
from dml.dataset.lookup import DATASET, DATASET_VERSION, Dataset, VersionRow, find_dataset, newest_first, version_row
from dml.dataset.version import DatasetVersion, VersionPart, first_version
from dml.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Release", "mark_dev", "release", "seal"]

_ATTEMPTS = 5
"""How often a step is tried anew when another process was faster."""


@dataclass(frozen=True)
class Release:
    """The outcome of :func:`release`.

    Attributes:
        row: The version the dataset has now.
        made: Whether this call released it; False when there was nothing to release.
    """

    row: VersionRow
    made: bool


def mark_dev(catalog: Catalog, rid: str, *, description: str = "", execution: str | None = None) -> VersionRow:
    """Say that a dataset differs from its last release, or differs once more.

    Writes one ``Dataset_Version`` row (``<last release>.post1.dev1``, no snapshot) or advances the one there is, and
    points ``Dataset.Version`` at it. A dataset has at most one development version.

    Args:
        catalog: Where to write.
        rid: The dataset.
        description: What is changing; when empty, an existing development version keeps its text.
        execution: RID of the execution that makes the change, recorded as its producer.

    Raises:
        NotFoundError: No such dataset.
        ConflictError: It is marked as deleted, or other processes kept advancing it.
    """
    for _ in range(_ATTEMPTS):
        dataset = find_dataset(catalog, rid)
        current = dataset.current
        if current is not None and current.is_unfinished:
            # The change must not slip into a release whose snapshot is still to be taken.
            current = seal(catalog, current)
        version = (current.version if current and current.version else first_version()).next_development()
        row = (
            _advance(catalog, current, version, description, execution)
            if current is not None and current.is_development
            else _begin(catalog, rid, version, description, execution)
        )
        if row is not None:
            _point_at(catalog, dataset, row)
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
        part: Which number the release raises.
        description: What is new in this release; when empty, the development version's text stays.
        execution: RID of the producing execution; when None, the development version's producer stays.
        version: The number of the release, instead of raising ``part``. Must be a release newer than the last one; a
            dataset that is at exactly this version already is left as it is.

    Raises:
        NotFoundError: No such dataset.
        UsageError: ``version`` is a development version, or not newer than the last release.
        ConflictError: It is marked as deleted, or other processes kept advancing it.
    """
    for _ in range(_ATTEMPTS):
        dataset = find_dataset(catalog, rid)
        current = dataset.current
        if current is None:
            mark_dev(catalog, rid, description=description, execution=execution)
            continue
        if not current.is_development:
            made = current.is_unfinished
            if not made and version is not None and version != current.version:
                raise UsageError(
                    f"Dataset {rid} has not changed since {current.text}, so there is nothing to release as {version}",
                    hint=f"`dml dataset mark-dev {rid}` first, if what it refers to has changed.",
                )
            _point_at(catalog, dataset, current)
            return Release(seal(catalog, current), made)
        row = _advance(catalog, current, _number(dataset, part, version), description, execution)
        if row is not None:
            _point_at(catalog, dataset, row)
            return Release(seal(catalog, row), made=True)
    raise _contended(rid)


def seal(catalog: Catalog, row: VersionRow) -> VersionRow:
    """Record the snaptime of a released version, if it has none: the last step of every release.

    What was written before this call is in the version; what is written later is not.
    """
    if not row.is_unfinished:
        return row
    for _ in range(_ATTEMPTS):
        snaptime = catalog.snaptime()
        if compare_and_set(catalog, DATASET_VERSION, row.rid, "Snapshot", None, snaptime):
            return replace(row, snapshot=snaptime)
        stored = [one for one in find_dataset(catalog, row.dataset, deleted=True).versions if one.rid == row.rid]
        if not stored:
            raise ConflictError(f"Version {row.text} of dataset {row.dataset} vanished while it was released")
        if not stored[0].is_unfinished:
            return stored[0]
    raise _contended(row.dataset)


def _begin(
    catalog: Catalog, rid: str, version: DatasetVersion, description: str, execution: str | None
) -> VersionRow | None:
    """Insert a development version; None when another process has begun it.

    Another process may have begun it and a third one advanced it since this one looked: then the number was free and
    there are two. The lower one is taken back by whoever made it; nothing refers to it yet.
    """
    row = {"Dataset": rid, "Version": str(version), "Description": description, "Execution": execution}
    made = insert(catalog, DATASET_VERSION, [row], on_conflict="skip")
    if not made:
        return None
    mine = version_row(made[0])
    newest = newest_first(version_row(one) for one in select(catalog, DATASET_VERSION, where={"Dataset": rid}))[0]
    if newest.rid != mine.rid and newest.is_development:
        delete(catalog, DATASET_VERSION, {"RID": mine.rid, "Version": mine.text})
        return None
    return mine


def _advance(
    catalog: Catalog, row: VersionRow, version: DatasetVersion, description: str, execution: str | None
) -> VersionRow | None:
    """Give a development version its next number, or a release's; None when another process has moved it."""
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


def _point_at(catalog: Catalog, dataset: Dataset, row: VersionRow) -> None:
    """Point ``Dataset.Version`` at the current version, as deriva-ml keeps it."""
    if dataset.pointer != row.rid:
        update(catalog, DATASET, [{"RID": dataset.rid, "Version": row.rid}], columns=["Version"])


def _number(dataset: Dataset, part: VersionPart, version: DatasetVersion | None) -> DatasetVersion:
    released = [row.version for row in dataset.versions if row.version and not row.is_development]
    if version is None:
        base = max(released, default=None)
        return base.next_release(part) if base else first_version()
    if version.is_development or str(version) != str(version.last_release):
        raise UsageError(f"{version} is not the number of a release", hint="Write three numbers, as in 1.2.0.")
    if released and version <= max(released):
        raise UsageError(f"{version} is not newer than {max(released)}, the last release of dataset {dataset.rid}")
    return version


def _contended(rid: str) -> ConflictError:
    return ConflictError(f"Other processes keep changing the version of dataset {rid}", hint="Run it again.")
