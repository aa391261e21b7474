"""``dml cache list``, ``status``, ``info`` and ``du``: what is here, what is missing, what it takes."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Argument, Option

from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Column
from dml.cli.app.shell_complete import complete_cached
from dml.cli.cache._common import Excluded, Names, app, open_for_reading, specs
from dml.cli.cache.view import item_document, print_items, print_status, tier_cell
from dml.formatting import UNKNOWN, abbreviate_home, format_size, pluralize

_SORTS = ("name", "size", "used", "tier")


@command(
    app,
    "list",
    examples=[
        ("dml cache list", "Every bag and asset: how much of it is here, its size, who uses it."),
        ("dml cache list --tier cached_incomplete --sort size", "What is not whole, the largest first."),
        ("dml cache list --unused --json", "What no execution has as input, for a program."),
    ],
)
def list_(
    rids: Annotated[
        list[str] | None, Argument(metavar="[RID]...", help="Only these.", autocompletion=complete_cached)
    ] = None,
    tier: Annotated[str | None, Option("--tier", metavar="TIER", help="Only this tier.")] = None,
    kind: Annotated[
        str | None, Option("--kind", metavar="KIND", help="bag, asset, orphan, debris, legacy or other.")
    ] = None,
    unused: Annotated[bool, Option("--unused", help="Only what no execution has as input.")] = False,
    pinned: Annotated[bool, Option("--pinned", help="Only what is pinned.")] = False,
    sort: Annotated[str, Option("--sort", metavar="BY", help="name, size, used or tier.")] = "name",
) -> None:
    """List what is in the cache. Reads its index; walks no files and asks no server."""
    from dml.cache.inventory import Kind
    from dml.cache.tiers import Tier

    _one_of("--tier", tier, [*Tier])
    _one_of("--kind", kind, [*Kind])
    _one_of("--sort", sort, _SORTS)
    with open_for_reading() as desk:
        items = desk.items()
    items = [
        item
        for item in items
        if (not rids or {item.name, item.rid, item.key} & set(rids))
        and (tier is None or item.tier == tier)
        and (kind is None or item.kind == kind)
        and not (unused and item.used_by)
        and (item.pinned or not pinned)
    ]
    if sort == "size":
        items.sort(key=lambda item: -(item.bytes or 0))
    elif sort == "used":
        items.sort(key=lambda item: item.last_used.timestamp() if item.last_used else 0, reverse=True)
    elif sort == "tier":
        items.sort(key=lambda item: str(item.tier or ""))
    console = current().console
    document = {
        "cache": desk.cache.root,
        "bytes": sum(item.bytes or 0 for item in items),
        "items": [item_document(item) for item in items],
    }
    console.emit("cache.list", document, lambda: print_items(console, items))


def _one_of(option: str, value: str | None, choices: Any) -> None:
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
        ("dml cache status 1-ABC@1.2.0", "How much of a version is here; asks no server."),
        ("dml cache status 1-ABC", "The current version, and every version that is here."),
        ("dml cache status 2-MODEL", "Whether a single asset is here."),
    ],
)
def status(names: Names, exclude: Excluded = None) -> None:
    """Show how much of datasets and assets is here. Without a version the catalog is asked which one is current."""
    from dml.cache.resolve_name import is_asset, is_known_asset
    from dml.cache.status import VersionStatus, current_version, status_of, status_of_asset, versions_here
    from dml.errors import NotFoundError, RetryableError

    console = current().console
    found: list[tuple[VersionStatus, bool | None]] = []
    with open_for_reading() as desk:
        for spec in specs(names, exclude):
            if spec.version is not None:
                found.append((status_of(desk.index, spec, str(spec.version), desk.usage), None))
                continue
            if is_known_asset(desk.index, spec.rid):
                found.append((status_of_asset(desk.index, spec.rid, desk.usage), None))
                continue
            here = versions_here(desk.index, spec.rid, desk.usage)
            try:
                newest = current_version(open_catalog(), spec.rid)
            except NotFoundError:
                if not is_asset(desk.index, open_catalog(), spec):
                    raise
                found.append((status_of_asset(desk.index, spec.rid, desk.usage), None))
                continue
            except RetryableError as error:
                if not here:
                    raise
                console.warn(f"which version of {spec.rid} is current cannot be asked: {error.message}")
                found += [(one, None) for one in here]
                continue
            first = status_of(desk.index, spec, newest.text, desk.usage)
            found.append((first, True))
            found += [(one, False) for one in here if one.key != first.key]
    document = {"versions": [{**_document(one), "current": is_current} for one, is_current in found]}
    console.emit("cache.status", document, lambda: print_status(console, [one for one, _ in found]))


def _document(status: Any) -> dict[str, Any]:
    return {name: getattr(status, name) for name in status.__dataclass_fields__}


@command(
    app,
    "info",
    examples=[
        ("dml cache info 1-ABC@1.2.0", "What a bag of this version holds, table by table, before it is fetched.")
    ],
)
def info(
    name: Annotated[str, Argument(metavar="RID[@VERSION]", help="The dataset; without a version, its current one.")],
    exclude: Excluded = None,
) -> None:
    """Show how large a dataset version is before it is fetched, counted by the server."""
    from dml.cache.bag_info import bag_info

    console = current().console
    with open_for_reading() as desk:
        found = bag_info(desk.index, open_catalog(), specs([name], exclude)[0], desk.usage)
    document = found.to_mapping()

    def render() -> None:
        console.print(f"{found.rid}@{found.version}  ", tier_cell(found.status.tier))
        console.table(
            [
                Column("table"),
                Column("rows", whole=True, right=True),
                Column("rows as CSV", whole=True, right=True),
                Column("files", whole=True, right=True),
            ],
            [
                (
                    one.table,
                    f"{'' if one.exact else 'at most '}{one.rows:,}",
                    format_size(one.csv_bytes),
                    format_size(one.asset_bytes) if one.is_asset else UNKNOWN,
                )
                for one in found.tables
            ],
        )
        rows, files = pluralize(found.total_rows, "row"), pluralize(found.total_assets, "file")
        console.print(f"{rows}; {files}, {format_size(found.total_asset_bytes)}")
        if found.missing_bytes:
            free = f", {format_size(found.free)} free" if found.free is not None else ""
            console.print(
                f"to come: {format_size(found.missing_bytes)}{free}      dml cache warm {found.rid}@{found.version}"
            )

    console.emit("cache.info", document, render)


@command(app, "du", examples=[("dml cache du", "What the cache takes on disk, measured; shared files count once.")])
def du(
    top: Annotated[int, Option("--top", metavar="N", min=1, help="Show only the N largest.")] = 20,
) -> None:
    """Measure what the cache takes on disk by walking it, the largest first."""
    from dml.cache.disk_usage import measure
    from dml.disk import free_bytes

    with open_for_reading() as desk:
        shares = sorted(measure(desk.cache), key=lambda share: -share.bytes)
        names = {item.path.parent if item.kind == "bag" else item.path: item.name for item in desk.items()}
        names |= {desk.cache.assets_directory / item.key: item.name for item in desk.items() if item.kind == "asset"}
    total = sum(share.bytes for share in shares)
    free = free_bytes(desk.cache.root)
    document = {
        "cache": desk.cache.root,
        "bytes": total,
        "free_bytes": free,
        "parts": [{"part": one.name, "name": names.get(one.path), "bytes": one.bytes} for one in shares],
    }
    console = current().console

    def render() -> None:
        console.table(
            [Column("", whole=True, right=True), Column("", whole=True), Column("")],
            [(format_size(one.bytes), names.get(one.path, ""), one.name) for one in shares[:top]],
        )
        if len(shares) > top:
            console.print(f"  and {len(shares) - top} more")
        console.print(f"{format_size(total)} in {abbreviate_home(desk.cache.root)}, {format_size(free)} free")

    console.emit("cache.du", document, render)
