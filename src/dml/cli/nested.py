"""``dml nested``: how a sweep went; nesting executions and undoing it."""

from __future__ import annotations

import time
from typing import Annotated, Any

from typer import Argument, Option

from dml.cli.app.default_command import group_with_default
from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.shell_complete import complete_execution

app = group_with_default("nested", "Parent and child executions: how a sweep went.")

Execution = Annotated[str, Argument(metavar="RID", help="An execution.", autocompletion=complete_execution)]
Parent = Annotated[str, Argument(metavar="PARENT", help="The outer execution.", autocompletion=complete_execution)]
Child = Annotated[str, Argument(metavar="CHILD", help="The inner execution.", autocompletion=complete_execution)]


@command(
    app,
    "show",
    examples=[
        ("dml nested 6A0", "The children of a sweep: states, what differs, last metrics, durations."),
        ("dml nested 6A2 --parents", "What an execution is nested in."),
        ("dml nested 6A0 --watch", "The same, again every few seconds until all have ended."),
    ],
)
def show(
    rid: Execution,
    parents: Annotated[bool, Option("--parents", help="Show what it is nested in, instead.")] = False,
    recurse: Annotated[bool, Option("--recurse", help="All levels, not only the nearest.")] = False,
    watch: Annotated[bool, Option("--watch", help="Show it again until nothing is at work any more.")] = False,
    interval: Annotated[float, Option("--interval", metavar="SECONDS", min=1, help="Pause of --watch.")] = 5,
) -> None:
    """Show the executions nested in one, with their states, differences, last metrics and durations."""
    from dml.nesting.view import build_view, view_mapping

    console, catalog = current().console, open_catalog()
    while True:
        view = build_view(catalog, rid, parents=parents, recurse=recurse)
        going_on = watch and not view.is_settled
        if watch:
            kind = "progress" if going_on else "result"
            console.record("nested", kind, view_mapping(view), lambda view=view: _print(view))  # type: ignore[misc]
        else:
            console.emit("nested", view_mapping(view), lambda view=view: _print(view))  # type: ignore[misc]
        if not going_on:
            return
        catalog.renew()
        time.sleep(interval)


def _print(view: Any) -> None:
    from dml.cli.nested_view import print_view

    print_view(current().console, view)


@command(
    app,
    "add",
    examples=[("dml nested add 6A0 6A2 --sequence 0", "6A2 is the first child of 6A0.")],
)
def add(
    parent: Parent,
    child: Child,
    sequence: Annotated[int | None, Option("--sequence", metavar="N", help="Its place; none if parallel.")] = None,
) -> None:
    """Nest an execution in another one."""
    from dml.nesting.edit import add_nested_execution

    console = current().console
    added = add_nested_execution(open_catalog(), parent, child, sequence=sequence)
    document = {"parent": parent, "child": child, "sequence": sequence, "added": added}
    said = f"{child} is nested in {parent} now" if added else f"nothing to do: {child} is nested in {parent} already"
    console.emit("nested.add", document, lambda: console.print(said))


@command(
    app,
    "remove",
    examples=[("dml nested remove 6A0 6A2", "6A2 is no child of 6A0 any more; both stay.")],
)
def remove(parent: Parent, child: Child) -> None:
    """Undo the nesting of an execution in another one; both executions stay."""
    from dml.nesting.edit import remove_nested_execution

    console = current().console
    removed = remove_nested_execution(open_catalog(), parent, child)
    said = f"{child} is not nested in {parent} any more" if removed else f"nothing to do: {child} is not in {parent}"
    document = {"parent": parent, "child": child, "removed": removed}
    console.emit("nested.remove", document, lambda: console.print(said))
