"""Datasets: each RID is a dataset that is not deleted, and its version exists and can be downloaded."""

from __future__ import annotations

from collections.abc import Iterator

from dml.dataset.records import VersionRow
from dml.execution.catalog_facts import CatalogFacts, DatasetRow, is_rid, requested_version
from dml.execution.requested_inputs import RequestedDataset
from dml.preflight.check_context import CheckContext, describe_wrong_row
from dml.preflight.results import Result, failed, ok, skipped, warning

GROUP = "datasets"

_LISTED = 20


def check(context: CheckContext) -> Iterator[Result]:
    """Report each dataset."""
    if not context.datasets:
        return
    if context.catalog is None:
        yield skipped(GROUP, "datasets", context.no_catalog_reason)
        return
    for dataset in context.datasets:
        yield from _dataset(context, context.catalog, dataset)


def _dataset(context: CheckContext, catalog: CatalogFacts, dataset: RequestedDataset) -> Iterator[Result]:
    rid = dataset.rid
    edit = context.plan.edit_hint(rid) or "dml dataset list"
    if not is_rid(rid):
        yield failed(GROUP, "exists", f"{rid!r} is not a valid RID", edit, subject=rid)
        return
    row = catalog.rows().datasets.get(rid)
    if row is None:
        yield failed(GROUP, "exists", describe_wrong_row(catalog, rid, "dataset"), edit, subject=rid)
        return
    if row.deleted:
        yield failed(GROUP, "deleted", f"{rid} is marked as deleted", edit, subject=rid)
    version = requested_version(dataset, row)
    if version is None:
        yield _no_version(dataset, row, edit)
        return
    yield from _version(context, dataset, row, version)


def _version(
    context: CheckContext, dataset: RequestedDataset, row: DatasetRow, version: VersionRow
) -> Iterator[Result]:
    name = f"{row.rid} {version.text}"
    released = next((other for other in row.versions if not other.is_development and other.snapshot), None)
    if version.is_unfinished:
        yield failed(
            GROUP,
            "release",
            f"{name} has no snapshot: its release was interrupted",
            f"dml dataset release {row.rid}",
            subject=row.rid,
        )
    elif version.is_development:
        fix = f"use version {released.text}" if released else f"dml dataset release {row.rid}"
        message = f"{name} is a development version: it has no snapshot and may change"
        yield warning(GROUP, "development", message, fix, subject=row.rid)
    elif dataset.version is None:
        if context.plan.composition and context.plan.composition.api == "deriva_ml":
            message = f"{row.rid} is listed without a version, which deriva-ml reads as 0.0.0"
            yield failed(GROUP, "version", message, f"add version={version.text!r}", subject=row.rid)
        else:
            message = f"{row.rid} is listed without a version; the current one is {version.text}"
            yield warning(GROUP, "version", message, f"use {row.rid}@{version.text}", subject=row.rid)
    elif not row.deleted:
        title = f' "{row.description.splitlines()[0][:60]}"' if row.description.strip() else ""
        newer = f"; {released.text} is newer" if released and released.text != version.text else ""
        yield ok(GROUP, "version", f"{name}{title}{newer}", subject=row.rid)


def _no_version(dataset: RequestedDataset, row: DatasetRow, edit: str) -> Result:
    if dataset.version is None:
        return failed(GROUP, "version", f"{row.rid} has no version", f"dml dataset release {row.rid}", subject=row.rid)
    versions = ", ".join(version.text for version in row.versions[:_LISTED])
    others = f"it has {versions} (newest first)" if versions else "it has no versions"
    return failed(GROUP, "version", f"{row.rid} has no version {dataset.version}; {others}", edit, subject=row.rid)
