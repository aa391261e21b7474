"""``dml cache pin``, ``unpin`` and ``clear``: what the cache keeps, and what it removes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Option

from dml.cli.app.framework import command, current
from dml.cli.cache._common import Names, OptionalNames, app, open_for_reading, open_for_writing, specs
from dml.cli.cache.view import decision_document, print_decisions
from dml.formatting import format_size, pluralize

if TYPE_CHECKING:
    from dml.cache.clear import Cleared
    from dml.cache.clear_plan import ClearPlan
    from dml.cache.pin import PinChange


@command(app, "pin", examples=[("dml cache pin 1-ABC@1.2.0", "Keep a version when the cache is cleared.")])
def pin(names: Names) -> None:
    """Keep entries when the cache is cleared; a version that is not cached yet is kept once it is fetched."""
    from dml.cache.pin import pin as add

    with open_for_writing() as session:
        _emit_pins("pin", [add(session, spec) for spec in specs(names)])


@command(app, "unpin", examples=[("dml cache unpin 1-ABC@1.2.0", "Allow a version to be cleared again.")])
def unpin(names: Names) -> None:
    """Allow entries to be cleared again."""
    from dml.cache.pin import unpin as remove

    with open_for_writing() as session:
        _emit_pins("unpin", [remove(session, spec) for spec in specs(names)])


def _emit_pins(verb: str, changes: list[PinChange]) -> None:
    console = current().console

    def render() -> None:
        for change in changes:
            console.print(f"{change.name}  {f'{verb}ned' if change.changed else 'nothing to do'}")

    console.emit(f"cache.{verb}", {"items": changes}, render)


@command(
    app,
    "clear",
    examples=[
        ("dml cache clear --older-than 90d --dry-run", "Show what has not been used for 90 days."),
        ("dml cache clear --keep 50G --yes", "Remove the least recently used entries until 50 GiB remain."),
        ("dml cache clear --debris --yes", "Remove what interrupted work and older releases left behind."),
    ],
)
def clear(
    names: OptionalNames = None,
    older_than: Annotated[
        str | None, Option("--older-than", metavar="AGE", help="Entries last used before: 90d, 12h, a date.")
    ] = None,
    keep: Annotated[
        str | None, Option("--keep", metavar="SIZE", help="The least recently used, until this size remains.")
    ] = None,
    debris: Annotated[bool, Option("--debris", help="What interrupted work and older releases left behind.")] = False,
    everything: Annotated[bool, Option("--all", help="All entries.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Show what would be removed; remove nothing.")] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Remove entries, but never what is pinned or what an open execution needs."""
    from dml.cache.clear import clear as carry_out
    from dml.cache.clear_plan import Selection, plan_clearing
    from dml.cache.sizes import parse_size
    from dml.cli.app.prompts import confirm
    from dml.cli.app.timeparse import moment
    from dml.errors import UsageError

    selection = Selection(
        tuple(names or ()),
        moment(older_than) if older_than else None,
        parse_size(keep) if keep else None,
        debris,
        everything,
    )
    if selection == Selection():
        raise UsageError(
            "nothing is selected to be cleared",
            hint="Name entries, or use --older-than, --keep, --debris or --all.",
        )
    console = current().console
    with open_for_reading() as session:
        plan = plan_clearing(session, selection)
    if names and not dry_run:
        plan.require_removals()
    if dry_run or not plan.removed:
        _emit(plan, done=False)
        return
    if not (yes or console.json):
        print_decisions(console, "to be removed", plan.removed)
        print_decisions(console, "kept", plan.kept)
    confirm(f"Remove {pluralize(len(plan.removed), 'entry', 'entries')}, {format_size(plan.bytes)}?", yes=yes)
    _emit(carry_out(session.cache, plan), done=True)


def _emit(result: ClearPlan | Cleared, *, done: bool) -> None:
    console = current().console
    document = {
        "done": done,
        "bytes": result.bytes,
        "removed": [decision_document(decision) for decision in result.removed],
        "kept": [decision_document(decision) for decision in result.kept],
    }

    def render() -> None:
        if not result.removed:
            console.print("nothing to do")
        print_decisions(console, "removed" if done else "to be removed", result.removed)
        print_decisions(console, "kept", result.kept)
        if result.removed:
            count = pluralize(len(result.removed), "entry", "entries")
            console.print(f"{count}, {format_size(result.bytes)} {'freed' if done else 'would be freed'}")

    console.emit("cache.clear", document, render)
