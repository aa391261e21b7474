"""``dml cache warm`` and ``verify``: fetch into the cache, and read it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Cell
from dml.cli.cache._common import Excluded, Jobs, Names, OptionalNames, app, cache_location, open_for_writing, specs
from dml.cli.cache.view import tier_cell
from dml.formatting import format_size, pluralize

if TYPE_CHECKING:
    from dml.cache.verify import Verified
    from dml.cache.warm import Warmed

_MAX_FAULTS = 20


@command(
    app,
    "warm",
    examples=[
        ("dml cache warm 1-ABC@1.2.0", "Fetch a dataset version; run it again to continue where it stopped."),
        ("dml cache warm 1-ABC 1-DEF --metadata-only", "Download the rows of two datasets, without their files."),
        ("dml cache warm 2-MODEL", "Download a single asset."),
    ],
)
def warm(
    names: Names,
    metadata_only: Annotated[bool, Option("--metadata-only", help="Fetch rows only, no files.")] = False,
    exclude: Excluded = None,
    jobs: Jobs = None,
) -> None:
    """Fetch dataset versions and assets into the cache. What is already cached is not fetched again."""
    from dml.cache.warm import warm as fetch

    invocation = current()
    console = invocation.console
    downloads = jobs or int(invocation.settings.get("jobs"))
    catalog = open_catalog()
    done: list[Warmed] = []
    with open_for_writing() as session, invocation.showing() as progress:
        for spec in specs(names, exclude):
            entry = fetch(session.index, catalog, spec, metadata_only=metadata_only, jobs=downloads, progress=progress)
            done.append(entry)
            if entry.is_development:
                console.warn(
                    f"{entry.name} is a development version: the cached copy does not follow later changes",
                    hint=f"Release it with `dml dataset release {entry.rid}`.",
                )
            if not console.json:
                console.print(f"{entry.name}  ", tier_cell(entry.tier), f"  {_outcome(entry)}")
    console.emit("cache.warm", {"items": [_warmed_document(entry) for entry in done]})


def _warmed_document(entry: Warmed) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "rid": entry.rid,
        "version": entry.version,
        "tier": entry.tier,
        "metadata_fetched": entry.metadata_fetched,
        "files": entry.fetched.files,
        "bytes": entry.fetched.bytes,
        "reused": entry.fetched.reused,
        "missing": entry.missing,
        "missing_bytes": entry.missing_bytes,
        "path": entry.path,
        "development": entry.is_development,
    }


def _outcome(entry: Warmed) -> str:
    fetched = entry.fetched
    reused = f"{pluralize(fetched.reused, 'file')} reused from the cache" if fetched.reused else ""
    if fetched.files:
        files = f"{pluralize(fetched.files, 'file')} fetched, {format_size(fetched.bytes)}"
        return f"{files}, {reused}" if reused else files
    return reused or ("metadata fetched" if entry.metadata_fetched else "nothing to do")


@command(
    app,
    "verify",
    examples=[
        ("dml cache verify", "Read every byte again and report what is wrong."),
        ("dml cache verify 1-ABC --repair", "Fetch what is damaged in one dataset again."),
    ],
)
def verify(
    names: OptionalNames = None,
    repair: Annotated[bool, Option("--repair", help="Fetch damaged files again, and rebuild a damaged index.")] = False,
    jobs: Jobs = None,
) -> None:
    """Compare every file with its checksum, and add entries to the index that it lacks; exit 3 while one is damaged."""
    from dml.cache.verify import verify as verify_entries

    invocation = current()
    console = invocation.console
    if repair:
        _replace_damaged_index()
    catalog = open_catalog() if repair else None
    downloads = jobs or int(invocation.settings.get("jobs"))
    results: list[Verified] = []
    with open_for_writing() as session, invocation.showing() as progress:
        for result in verify_entries(session, names or (), catalog=catalog, jobs=downloads, progress=progress):
            results.append(result)
            if not console.json:
                _print_verified(result)
    damaged = [result for result in results if not result.is_intact]
    size = format_size(sum(result.bytes for result in results))
    summary = f"{pluralize(len(results), 'entry', 'entries')}, {size} read; {len(damaged)} damaged"
    document = {"items": [_verified_document(result) for result in results]}
    console.emit("cache.verify", document, lambda: console.print(summary))
    if damaged:
        if not repair:
            console.say("hint: Repair them with `dml cache verify --repair`.")
        raise typer.Exit(3)


def _replace_damaged_index() -> None:
    from dml.cache.layout import Cache
    from dml.cache.repair import replace_damaged_index

    message = replace_damaged_index(Cache.of(*cache_location()))
    if message:
        current().console.warn(message)


def _verified_document(result: Verified) -> dict[str, Any]:
    return {
        "kind": result.entry.kind,
        "name": result.entry.name,
        "key": result.entry.key,
        "intact": result.is_intact,
        "files": result.files,
        "bytes": result.bytes,
        "missing": result.missing,
        "faults": list(result.faults),
        "note": result.note,
    }


def _print_verified(result: Verified) -> None:
    console = current().console
    missing = f", {pluralize(result.missing, 'file')} not cached" if result.missing else ""
    if not result.faults:
        intact = f"{pluralize(result.files, 'file')} intact{missing}" if result.files else ""
        text = " · ".join(filter(None, [intact, result.note]))
        console.print(f"{result.entry.name}  ", Cell(text, "green" if result.files else "bright_black"))
        return
    repaired = sum(fault.repaired for fault in result.faults)
    outcome = "all repaired" if result.is_intact else f"{repaired} repaired" if repaired else "not repaired"
    style = "yellow" if result.is_intact else "red"
    console.print(
        f"{result.entry.name}  ", Cell(f"{pluralize(len(result.faults), 'fault')}, {outcome}{missing}", style)
    )
    for fault in result.faults[:_MAX_FAULTS]:
        console.print(f"  {fault.problem}: {fault.path}{' · repaired' if fault.repaired else ''}")
    if len(result.faults) > _MAX_FAULTS:
        console.print(f"  and {len(result.faults) - _MAX_FAULTS} more")
