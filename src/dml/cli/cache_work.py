"""``dml cache warm``, ``verify``, ``pin``, ``unpin`` and ``clear``: what changes the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from dml.cli.cache_frame import Desk, Excluded, Jobs, Names, app, looking, specs, working
from dml.cli.cache_view import print_removals, removal_document, tier_cell
from dml.cli.completing import complete_cached
from dml.cli.formatting import binary_size, count
from dml.cli.frame import command, current
from dml.cli.opening import open_catalog
from dml.cli.output import Cell

if TYPE_CHECKING:
    from dml.cache.verifying import Verified
    from dml.catalog.connection import Catalog
    from dml.dataset.spec import DatasetSpec
    from dml.progress import Progress

_Some = Annotated[
    list[str] | None,
    Argument(metavar="[RID[@VERSION]]...", help="Entries, as list shows them.", autocompletion=complete_cached),
]


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
    with working() as desk, invocation.showing() as progress:
        for spec in specs(names, exclude):
            done.append(_warm_one(desk, catalog, spec, metadata_only, transfers, progress))
            if not console.json:
                console.print(*_warmed_line(done[-1]))
    console.emit("cache.warm", {"items": done})


def _warm_one(
    desk: Desk, catalog: Catalog, spec: DatasetSpec, metadata_only: bool, jobs: int, progress: Progress
) -> dict[str, Any]:
    from dml.cache.assets import find_asset_row, warm_asset
    from dml.cache.bags import warm_bag
    from dml.cache.naming import is_asset

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
    shared = f", {count(done['shared'], 'file')} from elsewhere in the cache" if done["shared"] else ""
    if done["files"]:
        said = f"{count(done['files'], 'file')} fetched, {binary_size(done['bytes'])}{shared}"
    elif done["shared"]:
        said = f"{count(done['shared'], 'file')} from elsewhere in the cache"
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
    names: _Some = None,
    repair: Annotated[bool, Option("--repair", help="Fetch again what is wrong, and renew a damaged index.")] = False,
    jobs: Jobs = None,
) -> None:
    """Compare every file with its checksum, and enter what the index did not know; exits 3 while something is wrong."""
    from dml.cache.verifying import verify_item

    invocation = current()
    console = invocation.console
    if repair:
        _renew_index()
    catalog = open_catalog() if repair else None
    transfers = jobs or int(invocation.settings.get("jobs"))
    found: list[Verified] = []
    with working() as desk, invocation.showing() as progress:
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
    size = binary_size(sum(one.bytes for one in found))
    summary = f"{count(len(found), 'entry', 'entries')}, {size} read; {len(wrong)} with something wrong"
    console.emit("cache.verify", document, lambda: console.print(summary))
    if wrong:
        if not repair:
            console.say("hint: dml cache verify --repair fetches again what is wrong")
        raise typer.Exit(3)


def _renew_index() -> None:
    """Put a damaged index aside; the bags beside it are entered into a new one by what follows."""
    from dml.cache.index import put_aside_if_damaged
    from dml.cache.kept_pins import kept_pins

    with looking() as desk:
        aside = put_aside_if_damaged(desk.index)
        if aside is not None:
            kept = count(len(kept_pins(desk.cache)), "pin")
            current().console.warn(
                f"the index was damaged and is now {aside.name}; a new one is made from what is on disk, with {kept}"
            )


def _named(desk: Desk, names: list[str] | None) -> list[Any]:
    from dml.errors import NotFoundError
    from dml.safe_text import safe

    items = desk.items()
    for name in names or ():
        if not any(name in (item.name, item.rid, item.key) for item in items):
            raise NotFoundError(f"{safe(name)} is not in the cache", hint="dml cache list shows what is.")
    return [item for item in items if not names or {item.name, item.rid, item.key} & set(names)]


def _print_verified(one: Verified) -> None:
    console = current().console
    missing = f", {count(one.missing, 'file')} not here" if one.missing else ""
    if not one.faults:
        said = one.remark if not one.files else f"{count(one.files, 'file')} right{missing}"
        extra = f" · {one.remark}" if one.files and one.remark else ""
        console.print(f"{one.item.name}  ", Cell(f"{said}{extra}", "green" if one.files else "bright_black"))
        return
    repaired = sum(fault.repaired for fault in one.faults)
    word = "all repaired" if one.is_right else f"{repaired} repaired" if repaired else "not repaired"
    console.print(
        f"{one.item.name}  ",
        Cell(f"{count(len(one.faults), 'fault')}, {word}{missing}", "yellow" if one.is_right else "red"),
    )
    for fault in one.faults[:20]:
        console.print(f"  {fault.problem}: {fault.path}{' · repaired' if fault.repaired else ''}")
    if len(one.faults) > 20:
        console.print(f"  and {len(one.faults) - 20} more")


@command(app, "pin", examples=[("dml cache pin 1-ABC@1.2.0", "Keep a version in the cache whatever is cleared.")])
def pin(names: Names) -> None:
    """Keep entries whatever is cleared; what is not here yet is pinned for when it comes."""
    _change_pins(names, "pin")


@command(app, "unpin", examples=[("dml cache unpin 1-ABC@1.2.0", "Let a version be cleared again.")])
def unpin(names: Names) -> None:
    """Let entries be cleared again."""
    _change_pins(names, "unpin")


def _change_pins(names: list[str], verb: str) -> None:
    from dml.cache import pins

    console = current().console
    done = []
    with working() as desk:
        for spec in specs(names):
            version = str(spec.version) if spec.version else _only_version(desk, spec.rid, verb)
            function = pins.pin if verb == "pin" else pins.unpin
            done.append(
                {"rid": spec.rid, "version": version or None, "changed": function(desk.index, spec.rid, version)}
            )

    def render() -> None:
        for one in done:
            name = f"{one['rid']}@{one['version']}" if one["version"] else one["rid"]
            console.print(f"{name}  {f'{verb}ned' if one['changed'] else 'nothing to do'}")

    console.emit(f"cache.{verb}", {"items": done}, render)


def _only_version(desk: Desk, rid: str, verb: str) -> str:
    """The version a bare RID means: none for an asset, the only one that is here for a dataset.

    Raises:
        UsageError: Several are here.
        NotFoundError: Nothing of it is here.
    """
    from dml.cache.naming import is_known_asset
    from dml.cache.pins import pins
    from dml.cache.status import versions_here
    from dml.errors import NotFoundError, UsageError

    if is_known_asset(desk.index, rid):
        return ""
    pinned = {version for one, version in pins(desk.index) if one == rid}
    if verb == "unpin" and len(pinned) == 1:
        return next(iter(pinned))
    here = sorted({one.version for one in versions_here(desk.index, rid)})
    if len(here) == 1:
        return here[0]
    if here:
        raise UsageError(
            f"{rid} is here in several versions", hint=f"Say which: {', '.join(f'{rid}@{v}' for v in here)}."
        )
    if any(item.rid == rid and item.kind == "asset" for item in desk.items()):
        return ""
    raise NotFoundError(f"{rid} is not in the cache", hint=f"Name its version: dml cache {verb} {rid}@VERSION")


@command(
    app,
    "clear",
    examples=[
        ("dml cache clear --older-than 90d --dry-run", "What has not been used for 90 days, only shown."),
        ("dml cache clear --keep 50G --yes", "The least recently used, until 50 GiB are left."),
        ("dml cache clear --debris --yes", "What interrupted work and older releases left."),
    ],
)
def clear(
    names: _Some = None,
    older_than: Annotated[
        str | None, Option("--older-than", metavar="AGE", help="What was last used before: 90d, 12h, a date.")
    ] = None,
    keep: Annotated[
        str | None, Option("--keep", metavar="SIZE", help="The least recently used, until this size is left.")
    ] = None,
    debris: Annotated[bool, Option("--debris", help="What interrupted work and older releases left.")] = False,
    everything: Annotated[bool, Option("--all", help="Everything that may go.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only show the plan.")] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove entries. Never what is pinned, or what an execution that is not closed needs."""
    from dml.cache.clearing import Plan, Selection, open_for_clearing, plan_clearing
    from dml.cache.clearing import clear as carry_out
    from dml.cache.sizes import parse_size
    from dml.cli.moments import moment
    from dml.cli.prompts import confirm
    from dml.errors import ConflictError, UsageError

    selection = Selection(
        tuple(names or ()),
        moment(older_than) if older_than else None,
        parse_size(keep) if keep else None,
        debris,
        everything,
    )
    if selection == Selection():
        raise UsageError(
            "What is to be cleared?", hint="Name entries, or give --older-than, --keep, --debris or --all."
        )
    console = current().console
    with looking() as desk:
        plan: Plan = plan_clearing(desk.index, desk.items(links=True), selection)
    if dry_run or not plan.removals:
        if names and not plan.removals and plan.kept and not dry_run:
            first = plan.kept[0]
            hint = f"dml cache unpin {first.item.name}" if first.item.pinned else "dml cache list shows who uses it."
            raise ConflictError(f"{first.item.name} stays: {first.reason}", hint=hint)
        _say_cleared(plan.removals, plan.kept, plan.bytes, done=False)
        return
    if not (yes or console.json):
        print_removals(console, "to be removed", plan.removals)
        print_removals(console, "stays", plan.kept)
    confirm(f"Remove {count(len(plan.removals), 'entry', 'entries')}, {binary_size(plan.bytes)}?", yes=yes)
    with open_for_clearing(desk.cache, plan) as index:
        done = carry_out(index, plan)
    _say_cleared(done.removed, done.kept, done.bytes, done=True)


def _say_cleared(removed: Any, kept: Any, size: int, *, done: bool) -> None:
    console = current().console
    document = {
        "done": done,
        "bytes": size,
        "removed": [removal_document(one) for one in removed],
        "kept": [removal_document(one) for one in kept],
    }

    def render() -> None:
        if not removed:
            console.print("nothing to do")
        print_removals(console, "removed" if done else "to be removed", removed)
        print_removals(console, "stays", kept)
        if removed:
            verb = "given back" if done else "would be given back"
            console.print(f"{count(len(removed), 'entry', 'entries')}, {binary_size(size)} {verb}")

    console.emit("cache.clear", document, render)
