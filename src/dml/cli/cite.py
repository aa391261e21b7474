"""``dml cite``: the links to a row that go into a paper, a message or a browser."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from dml.cli.completing import complete_rid
from dml.cli.frame import command, current, single
from dml.cli.opening import open_catalog
from dml.cli.output import Column

app = single("cite")


@command(
    app,
    "cite",
    examples=[
        ("dml cite 2-MODEL", "The link that lasts and the current one."),
        ("dml cite 2-MODEL --current", "Only the link to the row as it is whenever it is looked at."),
    ],
)
def cite(
    rid: Annotated[
        str, Argument(metavar="RID[@SNAPSHOT]", help="Any row of the catalog.", autocompletion=complete_rid)
    ],
    only_current: Annotated[bool, Option("--current", help="Print only the current link.")] = False,
    only_permanent: Annotated[bool, Option("--permanent", help="Print only the link that lasts.")] = False,
) -> None:
    """Print the permanent link to a row, at the catalog's snapshot of now, and the current one."""
    from dml.catalog.citation import cite as cite_row
    from dml.errors import UsageError

    if only_current and only_permanent:
        raise UsageError("--current and --permanent contradict each other", hint="Leave both out for both links.")
    console = current().console
    found = cite_row(open_catalog(), rid)

    def render() -> None:
        if only_current or only_permanent:
            console.print(found.current if only_current else found.permanent)
            return
        rows = [("row", f"{found.rid} of {found.table}"), ("permanent", found.permanent), ("current", found.current)]
        console.table([Column("", whole=True), Column("", whole=True)], rows)

    console.emit("cite", found, render)
