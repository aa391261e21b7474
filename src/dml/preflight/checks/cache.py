"""The cache: how much of each input it holds, how much must be downloaded, and whether the disk has room for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dml.cache.tiers import Tier
from dml.disk import NETWORK_FILE_SYSTEMS, SPARE_BYTES, file_system_type, free_bytes, nearest_existing
from dml.execution.catalog_facts import requested_version
from dml.execution.input_sizes import exact_size
from dml.execution.requested_inputs import RequestedDataset
from dml.formatting import format_size
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped, warning

GROUP = "cache"


@dataclass(frozen=True)
class InputDownload:
    """An input, and what must be downloaded of it.

    Attributes:
        name: ``RID@VERSION`` of a dataset, RID of an asset.
        tier: How much of it the cache holds.
        bytes: Bytes to download.
        text: What is missing, for display.
    """

    name: str
    tier: Tier
    bytes: int
    text: str


def check(context: CheckContext) -> Iterator[Result]:
    """Report cache tiers, bytes to download and free space."""
    yield from _workspace(context)
    if not context.datasets and not context.assets:
        return
    if context.catalog is None:
        yield from _offline(context)
        return
    downloads = input_downloads(context)
    uncached = [download for download in downloads if download.tier is not Tier.MATERIALIZED]
    for download in uncached:
        if download.tier is Tier.INCOMPLETE:
            message = f"{download.name} {download.tier}: {download.text}"
            yield warning(GROUP, "tier", message, f"dml cache warm {download.name}", subject=download.name)
    total = sum(download.bytes for download in downloads)
    if uncached:
        cached = len(downloads) - len(uncached)
        yield ok(GROUP, "fetch", f"{cached} of {len(downloads)} inputs are cached, {format_size(total)} to download")
    elif downloads:
        yield ok(GROUP, "fetch", f"all {len(downloads)} inputs are cached")
    yield from _disk(context, total)


def input_downloads(context: CheckContext) -> list[InputDownload]:
    """Every input that exists, with what must be downloaded of it.

    Raises:
        DmlError: The catalog could not be read.
    """
    assert context.catalog is not None  # noqa: S101 - the caller checks it
    rows, details = context.catalog.rows(), context.catalog.details()
    downloads = [_dataset(context, dataset) for dataset in context.datasets if dataset.rid in rows.datasets]
    for asset in context.assets:
        row = rows.assets.get(asset.rid)
        if row is not None:
            length = int(row.row.get("Length") or 0)
            is_cached = asset.rid not in details.objects
            tier = Tier.MATERIALIZED if is_cached else Tier.NOT_CACHED
            downloads.append(InputDownload(asset.rid, tier, 0 if is_cached else length, format_size(length)))
    return downloads


def _dataset(context: CheckContext, dataset: RequestedDataset) -> InputDownload:
    assert context.catalog is not None  # noqa: S101 - the caller checks it
    row = context.catalog.rows().datasets[dataset.rid]
    version = requested_version(dataset, row)
    name = f"{dataset.rid}@{version.text}" if version else dataset.rid
    state = context.tiers.dataset(dataset)
    if state.missing is not None:
        tier = Tier.MATERIALIZED if not dataset.materialize and state.tier is not Tier.NOT_CACHED else state.tier
        missing, size = state.missing or 0, state.missing_bytes or 0
        text = f"{missing:,} of {state.files or 0:,} files missing, {format_size(size)} to download"
        return InputDownload(name, tier, size if dataset.materialize else 0, text)
    if not dataset.materialize:
        return InputDownload(name, state.tier, 0, "rows only")
    if context.exact and version is not None:
        size_of = exact_size(context.catalog.catalog, dataset, version)
    else:
        size_of = context.catalog.details().sizes.get(dataset.rid)
    return InputDownload(name, state.tier, size_of.bytes, f"{size_of.files:,} files, {format_size(size_of.bytes)}")


def _offline(context: CheckContext) -> Iterator[Result]:
    if context.tiers.cache is None:
        yield skipped(GROUP, "tier", context.no_catalog_reason)
        return
    for dataset in context.datasets:
        state, name = context.tiers.dataset(dataset), str(dataset)
        if state.tier is Tier.MATERIALIZED:
            yield ok(GROUP, "tier", f"{name} {state.tier}", subject=name)
        else:
            yield warning(GROUP, "tier", f"{name} {state.tier}", f"dml cache warm {name}", subject=name)
    if context.assets:
        yield skipped(GROUP, "assets", f"assets: {context.no_catalog_reason}")


def _disk(context: CheckContext, total: int) -> Iterator[Result]:
    if context.tiers.cache is None or not total:
        return
    free = free_bytes(context.tiers.cache.root)
    if free is None:
        yield skipped(GROUP, "disk", f"the free space at {context.tiers.cache.root} is unknown")
    elif free < total + SPARE_BYTES:
        yield failed(
            GROUP,
            "disk",
            f"{format_size(total)} to download, but only {format_size(free)} free at {context.tiers.cache.root}",
            "free space with `dml cache clear`, or move the cache with `dml config set cache_dir DIRECTORY`",
        )


def _workspace(context: CheckContext) -> Iterator[Result]:
    """Report whether the registry can be written where the workspace is."""
    if context.workspace is None:
        return
    root = context.workspace.root
    existing = nearest_existing(root)
    if not is_writable(existing):
        yield failed(GROUP, "workspace", f"{root} is not writable", "choose another directory with --workspace DIR")
    kind = file_system_type(existing)
    if kind in NETWORK_FILE_SYSTEMS:
        yield warning(
            GROUP,
            "workspace",
            f"{root} is on {kind}, where SQLite's write-ahead log is not safe between machines",
            "choose a directory on a local disk with --workspace DIR",
        )


def is_writable(directory: Path) -> bool:
    """Whether this user may create files in an existing directory."""
    return os.access(directory, os.W_OK | os.X_OK)
