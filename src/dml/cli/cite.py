"""``dml cite``: permanent and current links to rows and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from dml.cli.app.framework import command, current, single
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Column
from dml.cli.app.shell_complete import complete_rid

if TYPE_CHECKING:
    from dml.catalog.citation import Citation
    from dml.catalog.connection import Catalog

app = single("cite")


@command(
    app,
    "cite",
    examples=[
        ("dml cite 2-MODEL", "The permanent link and the current one."),
        ("dml cite 2-MODEL --current", "Only the link to the current state of the row."),
        ("dml cite Image.Quality", "The links to the values of a feature; schema:Table for a table."),
    ],
)
def cite(
    rid: Annotated[
        str,
        Argument(
            metavar="RID[@SNAPSHOT]",
            help="Any row; a feature as TABLE.NAME, or a table as SCHEMA:TABLE.",
            autocompletion=complete_rid,
        ),
    ],
    only_current: Annotated[bool, Option("--current", help="Print only the current link.")] = False,
    only_permanent: Annotated[bool, Option("--permanent", help="Print only the permanent link.")] = False,
) -> None:
    """Print the permanent link to a row or table, at the catalog's latest snapshot, and the current link."""
    from dml.errors import UsageError

    if only_current and only_permanent:
        raise UsageError(
            "--current and --permanent are mutually exclusive", hint="Omit both options to get both links."
        )
    console = current().console
    citation = _cited(open_catalog(), rid)

    def render() -> None:
        if only_current or only_permanent:
            console.print(citation.current if only_current else citation.permanent)
            return
        what = ("row", f"{citation.rid} of {citation.table}") if citation.rid else ("table", citation.table)
        rows = [what, ("permanent", citation.permanent), ("current", citation.current)]
        console.table([Column("", whole=True), Column("", whole=True)], rows)

    console.emit("cite", citation, render)


def _cited(catalog: Catalog, wanted: str) -> Citation:
    from dml.catalog.citation import cite as cite_row
    from dml.catalog.citation import cite_table

    name, _, moment = wanted.partition("@")
    schema = catalog.schema() if ":" in name or "." in name else None
    if schema is None:
        return cite_row(catalog, wanted)
    if "." not in name:
        return cite_table(catalog, schema.table(name).qualified_name, moment)
    target, _, feature = name.rpartition(".")
    return cite_table(catalog, schema.feature(target, feature).table.qualified_name, moment)
