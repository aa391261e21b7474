"""``dml feature``: define, show and add feature values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from dml.cli.app.framework import command, current, group
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Cell, Column
from dml.cli.app.paging import DEFAULT_LIMIT, Limit, first, say_cut
from dml.formatting import UNKNOWN, pluralize

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.schema import Feature

_TYPES = (
    *("text", "markdown", "longtext", "boolean", "int2", "int4", "int8", "float4", "float8", "numeric"),
    *("date", "timestamp", "timestamptz", "json", "jsonb"),
)
"""Types of plain columns that ERMrest has; each may be an array, ``[]`` behind it."""

app = group("feature", "Features: values that executions assign to rows; read, define, add.")

Name = Annotated[str, Argument(metavar="TABLE.NAME", help="Such as Image.Quality.")]


@command(
    app,
    "list",
    examples=[
        ("dml feature list", "The features of the catalog with their columns."),
        ("dml feature list --table Image --json", "The features of one table, as JSON."),
    ],
)
def list_(
    table: Annotated[str | None, Option("--table", metavar="TABLE", help="Only this table.")] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> None:
    """List features with their columns; only the catalog's model is read."""
    from dml.feature.export import describe_feature

    console = current().console
    schema = open_catalog().schema()
    wanted = None if table is None else schema.table(table).qualified_name
    features = [feature for feature in schema.feature_tables() if wanted in (None, feature.target.qualified_name)]
    known = sorted(
        (describe_feature(feature) for feature in features), key=lambda feature: (feature["target"], feature["name"])
    )
    shown, more = first(known, limit)

    def render() -> None:
        columns = [Column("feature", whole=True), Column("columns"), Column("description")]
        rows = [
            (_spelled(feature), ", ".join(map(_column, feature["columns"])), feature["comment"]) for feature in shown
        ]
        console.table(columns, rows)
        say_cut(console, len(shown), more, "feature")

    console.emit("feature.list", {"features": shown, "more": more}, render)


@command(app, "show", examples=[("dml feature show Image.Quality", "Its columns, vocabularies and number of values.")])
def show(feature: Name) -> None:
    """Show a feature: columns with types and vocabularies, number of values by execution, and links."""
    from dml.cli.app.links import link_facts, link_fields
    from dml.feature.export import describe_feature
    from dml.feature.values import count_values_by_execution

    console, catalog = current().console, open_catalog()
    description = describe_feature(_find(catalog, feature))
    given = count_values_by_execution(catalog, description["table"])
    total = sum(int(column["values"]) for column in given)
    link = catalog.chaise_table(description["table"])

    def render() -> None:
        console.print(Cell(_spelled(description), "bold"), f"  {description['comment'] or ''}")
        columns = [Column("column", whole=True), Column("type", whole=True), Column(""), Column("holds")]
        console.table(
            columns,
            [
                (
                    column["name"],
                    column["type"],
                    "optional" if column["optional"] else "required",
                    _holds(column),
                )
                for column in description["columns"]
            ],
        )
        console.print(
            f" {pluralize(total, 'value')} of {pluralize(len(given), 'execution')}, in {description['table']}"
        )
        console.table([Column("", whole=True), Column("")], link_facts(link, snapshot, _spelled(description)))

    snapshot = catalog.target.snapshot
    payload = {"feature": description, "values": total, "executions": given, **link_fields(link, snapshot)}
    console.emit("feature.show", payload, render)


@command(
    app,
    "values",
    examples=[
        ("dml feature values Image.Quality --selector newest", "The newest value of each row."),
        (
            "dml feature values Image.Quality --execution 6A2 --execution 6A4",
            "The values of two runs, selected by the server.",
        ),
        ("dml feature values Image.Quality --limit 0 --output values.csv", "Write all values to a file."),
    ],
)
def values(
    feature: Name,
    selector: Annotated[
        str, Option("--selector", metavar="WHICH", help="newest or first value of each row, or all.")
    ] = "all",
    execution: Annotated[
        list[str] | None, Option("--execution", metavar="RID", help="Only values from this execution; may be repeated.")
    ] = None,
    output: Annotated[
        Path | None, Option("--output", "-o", metavar="FILE", help="Write to a .csv, .json, .jsonl or .parquet file.")
    ] = None,
    csv: Annotated[bool, Option("--csv", help="Print CSV.")] = False,
    limit: Limit = DEFAULT_LIMIT,
) -> None:
    """Show the current values of a feature."""
    from io import StringIO

    from dml.catalog.rids import validate_rid
    from dml.dataset.table_files import check_table_file, write_csv, write_table
    from dml.feature.values import read_value_table

    if output is not None:
        check_table_file(output)
    console, catalog = current().console, open_catalog()
    definition = _find(catalog, feature)
    wanted = [validate_rid(rid) for rid in execution or ()]
    table = read_value_table(catalog, definition, selector=selector, executions=wanted, limit=limit or None)
    if wanted and not table.rows:
        from dml.asset.execution_edges import check_execution

        for rid in wanted:
            check_execution(catalog, rid)
    if output is not None:
        write_table(table.columns, table.rows, output)
    payload = {
        "feature": f"{definition.target.name}.{definition.name}",
        "selector": selector,
        "columns": list(table.columns),
        "values": list(table.rows),
        "more": table.more,
    }

    def render() -> None:
        if output is not None:
            console.say(f"{output} written: {pluralize(len(table.rows), 'value')}")
        elif csv:
            text = StringIO()
            write_csv(table.columns, table.rows, text)
            for line in text.getvalue().splitlines():
                console.print(line)
        else:
            rows = [[UNKNOWN if row[name] is None else row[name] for name in table.columns] for row in table.rows]
            console.table([Column(name, whole=name == definition.target_column) for name in table.columns], rows)
        say_cut(console, len(table.rows), table.more, "" if output is not None or csv else "value")

    console.emit("feature.values", payload, render)


@command(
    app,
    "create",
    examples=[
        (
            "dml feature create Image.Review --terms Workflow_Type --column Score:float8",
            "With a term column and a number column.",
        ),
        ("dml feature create Image.Overlay --asset Execution_Asset", "With an asset column."),
    ],
)
def create(
    feature: Name,
    terms: Annotated[
        list[str] | None,
        Option("--terms", metavar="VOCABULARY", help="Add a term column for this vocabulary; may be repeated."),
    ] = None,
    asset: Annotated[
        list[str] | None,
        Option("--asset", metavar="TABLE", help="Add an asset column for this table; may be repeated."),
    ] = None,
    column: Annotated[
        list[str] | None,
        Option("--column", metavar="NAME:TYPE", help="Add a plain column, such as Score:float8; may be repeated."),
    ] = None,
    optional: Annotated[
        list[str] | None, Option("--optional", metavar="COLUMN", help="Make this column optional; may be repeated.")
    ] = None,
    description: Annotated[str, Option("--description", "-d", metavar="TEXT", help="What the values mean.")] = "",
) -> None:
    """Define a feature of a table and the columns of its values. An identical existing feature is left unchanged."""
    from dml.catalog.definitions import create_feature
    from dml.catalog.documents import ColumnDefinition
    from dml.errors import UsageError
    from dml.feature.export import describe_feature

    console, catalog = current().console, open_catalog()
    target, name = _parts(feature)
    schema = catalog.schema()
    described = schema.table(target)
    before = any(each.name == name and each.target == described for each in schema.feature_tables())
    may_lack = set(optional or ())
    columns = []
    for text in column or ():
        column_name, colon, kind = text.partition(":")
        if not (column_name and colon and kind):
            raise UsageError(f"invalid column {text!r}", hint="Write NAME:TYPE, such as Score:float8.")
        if kind.removesuffix("[]") not in _TYPES:
            raise UsageError(f"unknown column type {kind!r}", hint=f"Types: {', '.join(_TYPES)}.")
        columns.append(ColumnDefinition(column_name, kind, column_name in may_lack))
    made = create_feature(
        catalog,
        described.qualified_name,
        name,
        terms=[schema.table(each).qualified_name for each in terms or ()],
        assets=[schema.table(each).qualified_name for each in asset or ()],
        columns=columns,
        optional=sorted(may_lack),
        comment=description,
    )
    document = describe_feature(made)
    message = f"{feature} already exists; nothing to do." if before else f"{feature} created: {document['table']}."
    console.emit("feature.create", {"feature": document, "created": not before}, lambda: console.print(message))


@command(
    app,
    "add",
    examples=[("dml feature add Image.Quality --csv labels.csv", "Add values from a file, in a new execution.")],
)
def add(
    feature: Name,
    csv: Annotated[Path, Option("--csv", metavar="FILE", help="CSV with a header row, or JSON Lines.")],
    workflow_name: Annotated[
        str, Option("--workflow-name", metavar="NAME", help="Name of the workflow to record.")
    ] = "Add feature values",
    workflow_type: Annotated[
        list[str] | None, Option("--workflow-type", metavar="TERM", help="Type of that workflow; may be repeated.")
    ] = None,
    workflow: Annotated[str | None, Option("--workflow", metavar="RID", help="A registered workflow.")] = None,
    description: Annotated[str, Option("--description", "-d", metavar="TEXT", help="Where the values come from.")] = "",
) -> None:
    """Add values to a feature: validate them all, then insert them in a new execution.

    The header names the target table (for its RIDs) and the feature's columns.
    """
    from dml.cli.app.progress import showing
    from dml.cli.exec._common import open_for_writing
    from dml.cli.exec.lifecycle import named_workflow
    from dml.execution.load_features import load_values
    from dml.feature.value_files import read_records

    invocation = current()
    types = workflow_type or ["Feature_Creation"]
    named = (
        named_workflow(rid=workflow)
        if workflow is not None
        else named_workflow(name=workflow_name, types=types, allow_dirty=True)
    )
    assert named is not None  # noqa: S101 - a name or a RID was given
    with open_for_writing() as session, showing(invocation.settings.get("progress"), invocation.console) as progress:
        definition = _find(session.catalog, feature)
        records = read_records(csv, definition)
        text = description or f"Values of {definition.target.name}.{definition.name} from {csv.name}"
        done = load_values(session, definition, records, named, description=text, progress=progress)
    message = (
        f"{done.rid} {done.status}: {pluralize(done.inserted, 'value')} of {feature}.   dml feature values {feature}"
    )
    payload = {"feature": f"{definition.target.name}.{definition.name}", **vars(done)}
    invocation.console.emit("feature.add", payload, lambda: invocation.console.print(message))


def _parts(text: str) -> tuple[str, str]:
    from dml.errors import UsageError

    target, dot, name = text.rpartition(".")
    if not (target and dot and name):
        raise UsageError(f"invalid feature name {text!r}", hint="Write TABLE.NAME, such as Image.Quality.")
    return target, name


def _find(catalog: Catalog, text: str) -> Feature:
    return catalog.schema().feature(*_parts(text))


def _spelled(feature: dict[str, Any]) -> str:
    return f"{feature['target'].partition(':')[2]}.{feature['name']}"


def _column(column: dict[str, Any]) -> str:
    return f"{column['name']} ({_holds(column)})"


def _holds(column: dict[str, Any]) -> str:
    if column["terms_of"]:
        return f"a term of {column['terms_of'].partition(':')[2]}"
    return f"an asset of {column['asset_of'].partition(':')[2]}" if column["asset_of"] else str(column["type"])
