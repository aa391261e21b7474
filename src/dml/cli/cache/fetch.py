"""``dml cache warm`` and ``verify``: what fetches into the cache, and reads it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Cell
from dml.cli.cache._common import (
    CacheSession,
    Excluded,
    Jobs,
    Names,
    Some,
    app,
    open_for_reading,
    open_for_writing,
    specs,
)
from dml.cli.cache.view import tier_cell
from dml.formatting import format_size, pluralize

if TYPE_CHECKING:
    from dml.cache.verify import Verified
    from dml.catalog.connection import Catalog
    from dml.dataset.spec import DatasetSpec
    from dml.progress import Progress


@command(
    app,
    "warm",
    examples=[
        ("dml cache warm 1-ABC@1.2.0", "Fetch a dataset version; run it again to go on where it stopped."),
        ("dml cache warm 1-ABC 1-DEF --metadata-only", "The rows of two datasets, without their files."),
        ("dml cache warm 2-MODEL", "Fetch a single asset."),
    ],
)
def warm(
    names: Names,
    metadata_only: Annotated[bool, Option("--metadata-only", help="Rows only; the files stay where they are.")] = False,
    exclude: Excluded = None,
    jobs: Jobs = None,
) -> None:
    """Fetch dataset versions and assets into the cache. What is here already is not fetched again."""
    invocation = current()
    console = invocation.console
    transfers = jobs or int(invocation.settings.get("jobs"))
    catalog = open_catalog()
    done = []
    with open_for_writing() as desk, invocation.showing() as progress:
        for spec in specs(names, exclude):
            done.append(_warm_one(desk, catalog, spec, metadata_only, transfers, progress))
            if not console.json:
                console.print(*_warmed_line(done[-1]))
    console.emit("cache.warm", {"items": done})


def _warm_one(
    desk: CacheSession, catalog: Catalog, spec: DatasetSpec, metadata_only: bool, jobs: int, progress: Progress
) -> dict[str, Any]:
    from dml.cache.assets import find_asset_row, warm_asset
    from dml.cache.bags import warm_bag
    from dml.cache.resolve_name import is_asset

    if is_asset(desk.index, catalog, spec):
        asset = find_asset_row(catalog, spec.rid)
        single = warm_asset(desk.index, catalog, asset, progress=progress)
        return {
            "kind": "asset",
            "name": spec.rid,
            "rid": spec.rid,
            "version": None,
            "tier": "cached_materialized",
            "files": single.fetched.files,
            "bytes": single.fetched.bytes,
            "shared": single.fetched.shared,
            "path": single.path,
            "development": False,
        }
    bag = warm_bag(desk.index, catalog, spec, metadata_only=metadata_only, jobs=jobs, progress=progress)
    if bag.is_development:
        current().console.warn(
            f"{bag.record.name} is a development version: it is kept as it is now, and may change",
            hint=f"dml dataset release {spec.rid} makes a version that stays.",
        )
    return {
        "kind": "bag",
        "name": bag.record.name,
        "rid": bag.record.dataset_rid,
        "version": bag.record.version,
        "tier": bag.record.tier,
        "metadata": "fetched" if bag.made else "here",
        "files": bag.fetched.files,
        "bytes": bag.fetched.bytes,
        "shared": bag.fetched.shared,
        "missing": bag.record.missing,
        "missing_bytes": bag.record.missing_bytes,
        "path": bag.path,
        "development": bag.is_development,
    }


def _warmed_line(done: dict[str, Any]) -> list[object]:
    shared = f", {pluralize(done['shared'], 'file')} from elsewhere in the cache" if done["shared"] else ""
    if done["files"]:
        said = f"{pluralize(done['files'], 'file')} fetched, {format_size(done['bytes'])}{shared}"
    elif done["shared"]:
        said = f"{pluralize(done['shared'], 'file')} from elsewhere in the cache"
    else:
        said = "rows fetched" if done.get("metadata") == "fetched" else "nothing to do"
    return [f"{done['name']}  ", tier_cell(done["tier"]), f"  {said}"]


@command(
    app,
    "verify",
    examples=[
        ("dml cache verify", "Read every byte again and name what is wrong."),
        ("dml cache verify 1-ABC --repair", "Fetch again what is wrong in one dataset."),
    ],
)
def verify(
    names: Some = None,
    repair: Annotated[bool, Option("--repair", help="Fetch again what is wrong, and renew a damaged index.")] = False,
    jobs: Jobs = None,
) -> None:
    """Compare every file with its checksum, and enter what the index did not know; exits 3 while something is wrong."""
    from dml.cache.verify import verify_item

    invocation = current()
    console = invocation.console
    if repair:
        _renew_index()
    catalog = open_catalog() if repair else None
    transfers = jobs or int(invocation.settings.get("jobs"))
    found: list[Verified] = []
    with open_for_writing() as desk, invocation.showing() as progress:
        items = _named(desk, names)
        for item in items:
            found.append(verify_item(desk.index, item, catalog=catalog, jobs=transfers, progress=progress))
            if not console.json:
                _print_verified(found[-1])
    wrong = [one for one in found if not one.is_right]
    document = {
        "items": [
            {
                "kind": one.item.kind,
                "name": one.item.name,
                "key": one.item.key,
                "right": one.is_right,
                "files": one.files,
                "bytes": one.bytes,
                "missing": one.missing,
                "faults": list(one.faults),
                "remark": one.remark,
            }
            for one in found
        ]
    }
    size = format_size(sum(one.bytes for one in found))
    summary = f"{pluralize(len(found), 'entry', 'entries')}, {size} read; {len(wrong)} with something wrong"
    console.emit("cache.verify", document, lambda: console.print(summary))
    if wrong:
        if not repair:
            console.say("hint: dml cache verify --repair fetches again what is wrong")
        raise typer.Exit(3)


def _renew_index() -> None:
    """Put a damaged index aside; the bags beside it are entered into a new one by what follows."""
    from dml.cache.index import put_aside_if_damaged
    from dml.cache.kept_pins import kept_pins

    with open_for_reading() as desk:
        aside = put_aside_if_damaged(desk.index)
        if aside is not None:
            kept = pluralize(len(kept_pins(desk.cache)), "pin")
            current().console.warn(
                f"the index was damaged and is now {aside.name}; a new one is made from what is on disk, with {kept}"
            )


def _named(desk: CacheSession, names: list[str] | None) -> list[Any]:
    from dml.errors import NotFoundError
    from dml.safe_text import safe

    items = desk.items()
    for name in names or ():
        if not any(name in (item.name, item.rid, item.key) for item in items):
            raise NotFoundError(f"{safe(name)} is not in the cache", hint="dml cache list shows what is.")
    return [item for item in items if not names or {item.name, item.rid, item.key} & set(names)]


def _print_verified(one: Verified) -> None:
    console = current().console
    missing = f", {pluralize(one.missing, 'file')} not here" if one.missing else ""
    if not one.faults:
        said = one.remark if not one.files else f"{pluralize(one.files, 'file')} right{missing}"
        extra = f" · {one.remark}" if one.files and one.remark else ""
        console.print(f"{one.item.name}  ", Cell(f"{said}{extra}", "green" if one.files else "bright_black"))
        return
    repaired = sum(fault.repaired for fault in one.faults)
    word = "all repaired" if one.is_right else f"{repaired} repaired" if repaired else "not repaired"
    console.print(
        f"{one.item.name}  ",
        Cell(f"{pluralize(len(one.faults), 'fault')}, {word}{missing}", "yellow" if one.is_right else "red"),
    )
    for fault in one.faults[:20]:
        console.print(f"  {fault.problem}: {fault.path}{' · repaired' if fault.repaired else ''}")
    if len(one.faults) > 20:
        console.print(f"  and {len(one.faults) - 20} more")
