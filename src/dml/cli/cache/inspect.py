"""``dml cache list``, ``status``, ``info`` and ``du``: what is cached, what is missing, and how large it is."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Argument, Option

from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Column
from dml.cli.app.shell_complete import complete_cached
from dml.cli.cache._common import Excluded, Names, app, open_for_reading, specs
from dml.cli.cache.view import entry_document, print_entries, print_info, print_status
from dml.formatting import abbreviate_home, format_size

_SORTS = ("name", "size", "used", "tier")


@command(
    app,
    "list",
    examples=[
        ("dml cache list", "Every bag and asset: how much of it is cached, its size, what uses it."),
        ("dml cache list --tier cached_incomplete --sort size", "Incomplete entries, the largest first."),
        ("dml cache list --unused --json", "What no execution has as an input, for a program."),
    ],
)
def list_(
    rids: Annotated[
        list[str] | None, Argument(metavar="[RID]...", help="Only these entries.", autocompletion=complete_cached)
    ] = None,
    tier: Annotated[str | None, Option("--tier", metavar="TIER", help="Only entries of this tier.")] = None,
    kind: Annotated[
        str | None, Option("--kind", metavar="KIND", help="bag, asset, orphan, debris, legacy or other.")
    ] = None,
    unused: Annotated[bool, Option("--unused", help="Only what no execution has as an input.")] = False,
    pinned: Annotated[bool, Option("--pinned", help="Only pinned entries.")] = False,
    sort: Annotated[str, Option("--sort", metavar="BY", help="Sort by name, size, used or tier.")] = "name",
) -> None:
    """List the entries of the cache from its index, without reading files or asking a server."""
    from dml.cache.entries import EntryKind
    from dml.cache.tiers import Tier

    _check_choice("--tier", tier, [*Tier])
    _check_choice("--kind", kind, [*EntryKind])
    _check_choice("--sort", sort, _SORTS)
    with open_for_reading() as session:
        entries = [
            entry
            for entry in session.entries()
            if (not rids or any(entry.is_named(rid) for rid in rids))
            and (tier is None or entry.tier == tier)
            and (kind is None or entry.kind == kind)
            and not (unused and entry.used_by)
            and (entry.pinned or not pinned)
        ]
    if sort == "size":
        entries.sort(key=lambda entry: -(entry.bytes or 0))
    elif sort == "used":
        entries.sort(key=lambda entry: entry.last_used.timestamp() if entry.last_used else 0, reverse=True)
    elif sort == "tier":
        entries.sort(key=lambda entry: str(entry.tier or ""))
    console = current().console
    document = {
        "cache": session.cache.root,
        "bytes": sum(entry.bytes or 0 for entry in entries),
        "items": [entry_document(entry) for entry in entries],
    }
    console.emit("cache.list", document, lambda: print_entries(console, entries))


def _check_choice(option: str, value: str | None, choices: Any) -> None:
    from dml.errors import UsageError
    from dml.safe_text import safe

    if value is not None and value not in tuple(choices):
        raise UsageError(
            f"{option} cannot be '{safe(value, limit=40)}'", hint=f"It is one of {', '.join(map(str, choices))}."
        )


@command(
    app,
    "status",
    examples=[
        ("dml cache status 1-ABC@1.2.0", "How much of a version is cached, without asking a server."),
        ("dml cache status 1-ABC", "The current version, and every other version that is cached."),
        ("dml cache status 2-MODEL", "Whether a single asset is cached."),
    ],
)
def status(names: Names, exclude: Excluded = None) -> None:
    """Show how much of datasets and assets is cached. The catalog is asked which version of a dataset is current."""
    from dml.cache.status import VersionStatus, status_of

    console = current().console
    versions: list[VersionStatus] = []
    with open_for_reading() as session:
        for spec in specs(names, exclude):
            found = status_of(session, spec, open_catalog)
            versions += found.versions
            if found.warning:
                console.warn(found.warning)
    document = {"versions": versions}
    console.emit("cache.status", document, lambda: print_status(console, versions))


@command(
    app,
    "info",
    examples=[("dml cache info 1-ABC@1.2.0", "The contents of a version, table by table, before downloading it.")],
)
def info(
    name: Annotated[str, Argument(metavar="RID[@VERSION]", help="The dataset; the current version by default.")],
    exclude: Excluded = None,
) -> None:
    """Show how large a dataset version is before it is fetched, as counted by the server."""
    from dml.cache.bag_info import bag_info

    console = current().console
    with open_for_reading() as session:
        found = bag_info(session, open_catalog(), specs([name], exclude)[0])
    console.emit("cache.info", found.to_mapping(), lambda: print_info(console, found))


@command(app, "du", examples=[("dml cache du", "The size of the cache on disk; shared files count once.")])
def du(
    top: Annotated[int, Option("--top", metavar="N", min=1, help="Show only the N largest entries.")] = 20,
) -> None:
    """Measure the size of the cache on disk by walking it, the largest entries first."""
    from dml.cache.disk_usage import measure

    with open_for_reading() as session:
        usage = measure(session.cache, session.entries())
    root = session.cache.root
    document = {
        "cache": root,
        "bytes": usage.bytes,
        "free_bytes": usage.free,
        "parts": [{"part": part.part, "name": part.name or None, "bytes": part.bytes} for part in usage.parts],
    }
    console = current().console

    def render() -> None:
        console.table(
            [Column("", whole=True, right=True), Column("", whole=True), Column("")],
            [(format_size(part.bytes), part.name, part.part) for part in usage.parts[:top]],
        )
        if len(usage.parts) > top:
            console.print(f"  and {len(usage.parts) - top} more")
        console.print(f"{format_size(usage.bytes)} in {abbreviate_home(root)}, {format_size(usage.free)} free")

    console.emit("cache.du", document, render)
