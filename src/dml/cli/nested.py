"""``dml nested``: show and change the nesting of executions."""

from __future__ import annotations

import time
from typing import Annotated, Any

from typer import Argument, Option

from dml.cli.app.default_command import group_with_default
from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.shell_complete import complete_execution

app = group_with_default("nested", "Nested executions: the runs of a sweep or pipeline.")

Execution = Annotated[str, Argument(metavar="RID", help="An execution.", autocompletion=complete_execution)]
Parent = Annotated[str, Argument(metavar="PARENT", help="The parent execution.", autocompletion=complete_execution)]
Child = Annotated[str, Argument(metavar="CHILD", help="The child execution.", autocompletion=complete_execution)]


@command(
    app,
    "show",
    examples=[
        ("dml nested 6A0", "The runs of a sweep: statuses, differences, last metrics, durations."),
        ("dml nested 6A2 --parents", "The executions that it is nested in."),
        ("dml nested 6A0 --watch", "Refresh every few seconds until all have ended."),
    ],
)
def show(
    rid: Execution,
    parents: Annotated[bool, Option("--parents", help="Show its parents instead of its children.")] = False,
    recurse: Annotated[bool, Option("--recurse", help="Show all levels, not only the nearest.")] = False,
    watch: Annotated[bool, Option("--watch", help="Refresh until all executions have ended.")] = False,
    interval: Annotated[float, Option("--interval", metavar="SECONDS", min=1, help="Interval of --watch.")] = 5,
) -> None:
    """Show the executions nested in an execution: statuses, differences, last metrics and durations."""
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
    examples=[("dml nested add 6A0 6A2 --sequence 0", "Make 6A2 the first child of 6A0.")],
)
def add(
    parent: Parent,
    child: Child,
    sequence: Annotated[
        int | None, Option("--sequence", metavar="N", help="Position among the children; omit for parallel runs.")
    ] = None,
) -> None:
    """Nest an execution in another."""
    from dml.nesting.edit import add_nested_execution

    console = current().console
    added = add_nested_execution(open_catalog(), parent, child, sequence=sequence)
    document = {"parent": parent, "child": child, "sequence": sequence, "added": added}
    text = f"{child} is now nested in {parent}" if added else f"{child} is already nested in {parent}; nothing to do"
    console.emit("nested.add", document, lambda: console.print(text))


@command(
    app,
    "remove",
    examples=[("dml nested remove 6A0 6A2", "Remove 6A2 from 6A0; both executions are kept.")],
)
def remove(parent: Parent, child: Child) -> None:
    """Remove an execution from its parent; both executions are kept."""
    from dml.nesting.edit import remove_nested_execution

    console = current().console
    removed = remove_nested_execution(open_catalog(), parent, child)
    text = (
        f"{child} is no longer nested in {parent}" if removed else f"{child} is not nested in {parent}; nothing to do"
    )
    document = {"parent": parent, "child": child, "removed": removed}
    console.emit("nested.remove", document, lambda: console.print(text))
