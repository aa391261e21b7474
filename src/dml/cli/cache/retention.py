"""``dml cache pin``, ``unpin`` and ``clear``: what stays in the cache, and what goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from dml.cli.app.framework import command, current
from dml.cli.cache._common import CacheSession, Names, Some, app, open_for_reading, open_for_writing, specs
from dml.cli.cache.view import print_removals, removal_document
from dml.formatting import format_size, pluralize

if TYPE_CHECKING:
    pass


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
    with open_for_writing() as desk:
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


def _only_version(desk: CacheSession, rid: str, verb: str) -> str:
    """The version a bare RID means: none for an asset, the only one that is here for a dataset.

    Raises:
        UsageError: Several are here.
        NotFoundError: Nothing of it is here.
    """
    from dml.cache.pins import pins
    from dml.cache.resolve_name import is_known_asset
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
    names: Some = None,
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
    from dml.cache.clear import Plan, Selection, open_for_clearing, plan_clearing
    from dml.cache.clear import clear as carry_out
    from dml.cache.sizes import parse_size
    from dml.cli.app.prompts import confirm
    from dml.cli.app.timeparse import moment
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
    with open_for_reading() as desk:
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
    confirm(f"Remove {pluralize(len(plan.removals), 'entry', 'entries')}, {format_size(plan.bytes)}?", yes=yes)
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
            console.print(f"{pluralize(len(removed), 'entry', 'entries')}, {format_size(size)} {verb}")

    console.emit("cache.clear", document, render)
