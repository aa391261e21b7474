"""``dml dataset denormalize``: join a table of a dataset with related tables and features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.paging import Limit, say_cut
from dml.cli.dataset._common import app
from dml.formatting import pluralize


@command(
    app,
    "denormalize",
    examples=[
        ("dml dataset denormalize 1-ABC Image --feature Digit -o images.csv", "Images with their labels, as CSV."),
        ("dml dataset denormalize 1-ABC@1.2.0 Image", "Print to standard output."),
    ],
)
def denormalize(
    dataset: Annotated[
        str,
        Argument(metavar="RID[@VERSION]|BAG", help="The dataset, or the directory of a bag, which works offline."),
    ],
    table: Annotated[
        str,
        Argument(
            metavar="TABLE",
            help="The table (schema:Table or just its name); the result has one row for each of its rows.",
        ),
    ],
    include: Annotated[
        list[str] | None, Option("--include", metavar="TABLE", help="Also join this referenced table; may be repeated.")
    ] = None,
    features: Annotated[
        list[str] | None,
        Option("--feature", metavar="NAME", help="Also join this feature of the table; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None,
        Option("--output", "-o", metavar="FILE", help="Output file: Parquet if it ends in .parquet, else CSV."),
    ] = None,
    live: Annotated[bool, Option("--live", help="Read from the catalog even if the version is cached.")] = False,
    limit: Limit = 0,
) -> None:
    """Join a table of a dataset version with the tables it references and with its features."""
    import sys

    from dml.cache.open_version import open_version
    from dml.cli.cache._common import open_for_reading
    from dml.dataset.denormalized_rows import denormalize as widen
    from dml.dataset.table_files import check_table_file, write_csv, write_table

    console = current().console
    if output is not None:
        check_table_file(output)
    with open_for_reading() as session:
        version = open_version(session, dataset, open_catalog, use_cache=not live)
    if version.name:
        console.say(f"{version.name} is the current version")
    rows = widen(version.rows, table, include=include or (), features=features or ())
    more = 0 < limit < len(rows)
    rows = rows[:limit] if more else rows
    if output is not None:
        write_table(list(rows[0]) if rows else [], rows, output)
        document = {"source": version.source, "rows": len(rows), "more": more, "path": output.absolute()}
        console.emit(
            "dataset.denormalize", document, lambda: console.print(f"{pluralize(len(rows), 'row')} in {output}")
        )
    elif console.json:
        console.emit("dataset.denormalize", {"source": version.source, "rows": rows, "more": more})
    else:
        write_csv(list(rows[0]) if rows else [], rows, sys.stdout)
    if more and not console.json:
        say_cut(console, len(rows), more)
