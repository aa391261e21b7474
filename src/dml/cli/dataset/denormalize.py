"""``dml dataset denormalize``: a table of a dataset with what belongs to each row beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.paging import Limit, say_cut
from dml.cli.dataset._common import app
from dml.formatting import pluralize

if TYPE_CHECKING:
    from dml.dataset.feature_values import Rows
    from dml.dataset.spec import DatasetSpec


@command(
    app,
    "denormalize",
    examples=[
        ("dml dataset denormalize 1-ABC Image --feature Digit -o images.csv", "Images with their labels, as CSV."),
        ("dml dataset denormalize 1-ABC@1.2.0 Image", "On standard output."),
    ],
)
def denormalize(
    dataset: Annotated[
        str,
        Argument(metavar="RID[@VERSION]|BAG", help="The dataset, or the directory of a bag, which needs no server."),
    ],
    table: Annotated[
        str, Argument(metavar="TABLE", help="schema:Table, or its name alone: one row for each of its rows.")
    ],
    include: Annotated[
        list[str] | None, Option("--include", metavar="TABLE", help="A table it refers to; may be repeated.")
    ] = None,
    features: Annotated[
        list[str] | None, Option("--feature", metavar="NAME", help="A feature of the table; may be repeated.")
    ] = None,
    output: Annotated[
        Path | None, Option("--output", "-o", metavar="FILE", help="A file, Parquet if it ends in .parquet, else CSV.")
    ] = None,
    live: Annotated[bool, Option("--live", help="Ask the catalog even if the version is in the cache.")] = False,
    limit: Limit = 0,
) -> None:
    """Join a table of a dataset version with tables it refers to and with its features, one row for each row."""
    import sys

    from dml.dataset.denormalized_rows import denormalize as widen
    from dml.dataset.table_files import require_writer, write_csv, write_table

    console = current().console
    if output is not None:
        require_writer(output)
    source, where = _source(dataset, live)
    rows = widen(source, table, include=include or (), features=features or ())
    more = 0 < limit < len(rows)
    rows = rows[:limit] if more else rows
    if output is not None:
        write_table(rows, output)
        document = {"source": where, "rows": len(rows), "more": more, "path": output.absolute()}
        console.emit(
            "dataset.denormalize", document, lambda: console.print(f"{pluralize(len(rows), 'row')} in {output}")
        )
    elif console.json:
        console.emit("dataset.denormalize", {"source": where, "rows": rows, "more": more})
    else:
        write_csv(rows, sys.stdout)
    if more and not console.json:
        say_cut(console, len(rows), more)


def _source(name: str, live: bool) -> tuple[Rows, str]:
    """A bag that was named, the version in the cache, or the catalog; and what it is, for programs."""
    from dml.dataset.bag import DatasetBag
    from dml.dataset.live_dataset import LiveDataset
    from dml.dataset.lookup import resolve
    from dml.dataset.spec import DatasetSpec

    if "/" in name or Path(name).is_dir():
        return DatasetBag(Path(name)), "bag"
    spec = DatasetSpec.parse(name)
    cached = None if live else _cached(spec)
    if cached is not None:
        return DatasetBag(cached), "cache"
    catalog = open_catalog()
    source = resolve(catalog, spec)
    if spec.version is None:
        current().console.say(f"{source} is the current version")
        cached = None if live or source.row.is_development else _cached(DatasetSpec(spec.rid, source.row.text))
        if cached is not None:
            return DatasetBag(cached), "cache"
    return LiveDataset(catalog, source), "catalog"


def _cached(spec: DatasetSpec) -> Path | None:
    from dml.cache.bags import find_here
    from dml.cli.cache._common import open_for_reading

    with open_for_reading() as desk:
        record = find_here(desk.index, spec)
        return desk.cache.bag_directory(record.key, record.dataset_rid) if record else None
