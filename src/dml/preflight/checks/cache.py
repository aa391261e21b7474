"""The cache: how much of each input is here, how much is to be fetched, whether the disk and the workspace take it."""

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
class ToFetch:
    """An input and what of it is not here.

    Attributes:
        name: ``RID@VERSION`` of a dataset, RID of an asset.
        tier: How much of it is here.
        bytes: Bytes to fetch.
        text: What is missing, for people.
    """

    name: str
    tier: Tier
    bytes: int
    text: str


def check(look: CheckContext) -> Iterator[Result]:
    """Report tiers, bytes to fetch and free space."""
    yield from _workspace(look)
    if not look.datasets and not look.assets:
        return
    if look.catalog is None:
        yield from _offline(look)
        return
    inputs = inputs_to_fetch(look)
    cold = [one for one in inputs if one.tier is not Tier.MATERIALIZED]
    for one in cold:
        if one.tier is Tier.INCOMPLETE:
            yield warning(
                GROUP, "tier", f"{one.name} {one.tier}: {one.text}", f"dml cache warm {one.name}", subject=one.name
            )
    total = sum(one.bytes for one in inputs)
    here = len(inputs) - len(cold)
    if cold:
        yield ok(GROUP, "fetch", f"{here} of {len(inputs)} inputs are here, {format_size(total)} to fetch")
    elif inputs:
        yield ok(GROUP, "fetch", f"all {len(inputs)} inputs are here")
    yield from _disk(look, total)


def inputs_to_fetch(look: CheckContext) -> list[ToFetch]:
    """Every input that exists, with what is to be fetched of it.

    Raises:
        DmlError: The catalog could not be asked.
    """
    assert look.catalog is not None  # noqa: S101 - the caller asked
    rows = look.catalog.rows()
    details = look.catalog.details()
    found = [_dataset(look, one) for one in look.datasets if one.rid in rows.datasets]
    for asset in look.assets:
        row = rows.assets.get(asset.rid)
        if row is not None:
            length = int(row.row.get("Length") or 0)
            cold = asset.rid in details.objects
            tier = Tier.NOT_CACHED if cold else Tier.MATERIALIZED
            found.append(ToFetch(asset.rid, tier, length if cold else 0, format_size(length)))
    return found


def _dataset(look: CheckContext, dataset: RequestedDataset) -> ToFetch:
    assert look.catalog is not None  # noqa: S101 - the caller asked
    row = look.catalog.rows().datasets[dataset.rid]
    version = requested_version(dataset, row)
    name = f"{dataset.rid}@{version.text}" if version else dataset.rid
    state = look.tiers.dataset(dataset)
    if state.missing is not None:
        tier = Tier.MATERIALIZED if not dataset.materialize and state.tier is not Tier.NOT_CACHED else state.tier
        missing, size = state.missing or 0, state.missing_bytes or 0
        text = f"{missing:,} of {state.files or 0:,} assets missing, {format_size(size)} to fetch"
        return ToFetch(name, tier, size if dataset.materialize else 0, text)
    if not dataset.materialize:
        return ToFetch(name, state.tier, 0, "its rows only")
    if look.exact and version is not None:
        size_of = exact_size(look.catalog.catalog, dataset, version)
    else:
        size_of = look.catalog.details().sizes.get(dataset.rid)
    return ToFetch(name, state.tier, size_of.bytes, f"{size_of.files:,} files, {format_size(size_of.bytes)}")


def _offline(look: CheckContext) -> Iterator[Result]:
    if look.tiers.cache is None:
        yield skipped(GROUP, "tier", look.without_catalog)
        return
    for dataset in look.datasets:
        state = look.tiers.dataset(dataset)
        if state.tier is Tier.MATERIALIZED:
            yield ok(GROUP, "tier", f"{dataset} {state.tier}", subject=str(dataset))
        else:
            yield warning(GROUP, "tier", f"{dataset} {state.tier}", f"dml cache warm {dataset}", subject=str(dataset))
    if look.assets:
        yield skipped(GROUP, "assets", f"assets: {look.without_catalog}")


def _disk(look: CheckContext, total: int) -> Iterator[Result]:
    if look.tiers.cache is None or not total:
        return
    free = free_bytes(look.tiers.cache.root)
    if free is None:
        yield skipped(GROUP, "disk", f"how much is free at {look.tiers.cache.root} could not be told")
    elif free < total + SPARE_BYTES:
        yield failed(
            GROUP,
            "disk",
            f"{format_size(total)} are to be fetched and {format_size(free)} are free at {look.tiers.cache.root}",
            "dml cache clear, or set another cache with `dml config set cache_dir DIR`",
        )


def _workspace(look: CheckContext) -> Iterator[Result]:
    """Whether the registry can live where it would."""
    if look.workspace is None:
        return
    root = look.workspace.root
    existing = nearest_existing(root)
    if not is_writable(existing):
        yield failed(GROUP, "workspace", f"{root} cannot be written", "give --workspace DIR")
    kind = file_system_type(existing)
    if kind in NETWORK_FILE_SYSTEMS:
        yield warning(
            GROUP,
            "workspace",
            f"{root} is on {kind}, where SQLite's write-ahead log is not safe between machines",
            "give --workspace DIR on a local disk",
        )


def is_writable(place: Path) -> bool:
    """Whether files can be made in a directory that is there."""
    return os.access(place, os.W_OK | os.X_OK)
