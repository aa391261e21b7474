"""Datasets: each RID is a dataset, not deleted, in a version that exists and can be downloaded."""

from __future__ import annotations

from collections.abc import Iterator

from dml.dataset.lookup import VersionRow
from dml.execution.catalog_facts import DatasetRow, Details, Rows, is_rid, requested_version
from dml.execution.requested_inputs import RequestedDataset
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped, warning

GROUP = "datasets"

_LISTED = 20


def check(look: CheckContext) -> Iterator[Result]:
    """Report each dataset."""
    if not look.datasets:
        return
    if look.catalog is None:
        yield skipped(GROUP, "datasets", look.without_catalog)
        return
    rows, details = look.catalog.rows(), look.catalog.details()
    for dataset in look.datasets:
        yield from _dataset(look, dataset, rows, details)


def _dataset(look: CheckContext, dataset: RequestedDataset, rows: Rows, details: Details) -> Iterator[Result]:
    rid = dataset.rid
    edit = _edit(look, rid)
    if not is_rid(rid):
        yield failed(GROUP, "exists", f"{rid!r} is not a RID", edit, subject=rid)
        return
    row = rows.datasets.get(rid)
    if row is None:
        yield failed(GROUP, "exists", _instead(rid, rows, details, look), edit, subject=rid)
        return
    if row.deleted:
        yield failed(GROUP, "deleted", f"{rid} is marked as deleted", edit, subject=rid)
    version = requested_version(dataset, row)
    if version is None:
        yield _no_version(look, dataset, row)
        return
    yield from _version(look, dataset, row, version)


def _version(look: CheckContext, dataset: RequestedDataset, row: DatasetRow, version: VersionRow) -> Iterator[Result]:
    name = f"{row.rid} {version.text}"
    released = next((one for one in row.versions if not one.is_development and one.snapshot), None)
    if version.is_unfinished:
        yield failed(
            GROUP,
            "release",
            f"{name} has no snapshot: its release was interrupted",
            f"dml dataset release {row.rid}",
            subject=row.rid,
        )
    elif version.is_development:
        use = f"version {released.text}" if released else f"dml dataset release {row.rid}"
        yield warning(
            GROUP,
            "development",
            f"{name} is a development version: it has no snapshot and may change",
            use,
            subject=row.rid,
        )
    elif dataset.version is None:
        if look.subject.composition and look.subject.composition.api == "deriva_ml":
            message = f"{row.rid} is named without a version, which deriva-ml takes for 0.0.0"
            yield failed(GROUP, "version", message, f"version={version.text!r}", subject=row.rid)
        else:
            message = f"{row.rid} is named without a version: {version.text} is the current one today"
            yield warning(GROUP, "version", message, f"{row.rid}@{version.text}", subject=row.rid)
    elif not row.deleted:
        title = f' "{row.description.splitlines()[0][:60]}"' if row.description.strip() else ""
        newer = f"; {released.text} is newer" if released and released.text != version.text else ""
        yield ok(GROUP, "version", f"{name}{title}{newer}", subject=row.rid)


def _no_version(look: CheckContext, dataset: RequestedDataset, row: DatasetRow) -> Result:
    there = ", ".join(version.text for version in row.versions[:_LISTED])
    if dataset.version is None:
        return failed(GROUP, "version", f"{row.rid} has no version", f"dml dataset release {row.rid}", subject=row.rid)
    has = f"has {there} (newest first)" if there else "it has none"
    message = f"{row.rid}: no version {dataset.version}; {has}"
    return failed(GROUP, "version", message, _edit(look, row.rid), subject=row.rid)


def _instead(rid: str, rows: Rows, details: Details, look: CheckContext) -> str:
    asset = rows.assets.get(rid)
    if asset is not None:
        return f"{rid} is an asset of {asset.table.name}, not a dataset"
    place = details.elsewhere.get(rid)
    if place is None:
        assert look.catalog is not None  # noqa: S101 - the caller asked
        target = look.catalog.catalog.target
        return f"no row {rid} in {target}" if rid in details.looked_up else f"no dataset {rid} in {target}"
    gone = " that was deleted" if place.deleted else ""
    return f"{rid} is a row of {place.qualified_name}{gone}, not a dataset"


def _edit(look: CheckContext, rid: str) -> str:
    place = look.subject.place_of(rid)
    return f"edit {place}" if place else "dml dataset list"
