"""``dml asset``: list, show and download the files of a catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from dml.cli.app.framework import command, current, group
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Cell, Column, Console
from dml.cli.app.paging import DEFAULT_LIMIT, Limit, say_cut
from dml.formatting import UNKNOWN, format_size, pluralize

if TYPE_CHECKING:
    from dml.asset.execution_edges import AssetUse
    from dml.asset.lookup import Asset

app = group("asset", "Assets: the files of a catalog; list, show, download, trace use.")

Rid = Annotated[str, Argument(metavar="RID", help="The asset.")]
Role = Annotated[str | None, Option("--role", metavar="ROLE", help="Input or Output.")]


@command(
    app,
    "list",
    examples=[
        ("dml asset list", "The asset tables of the catalog."),
        ("dml asset list Execution_Asset --type Model_File", "The models, newest first."),
        ("dml asset list --execution 6A2 --role Output --json", "The outputs of an execution, from all tables."),
    ],
)
def list_(
    table: Annotated[str | None, Argument(metavar="TABLE", help="Only this table.")] = None,
    asset_type: Annotated[str | None, Option("--type", metavar="TERM", help="Only assets of this Asset_Type.")] = None,
    execution: Annotated[
        str | None, Option("--execution", metavar="RID", help="Only the inputs and outputs of this execution.")
    ] = None,
    role: Role = None,
    limit: Limit = DEFAULT_LIMIT,
) -> None:
    """List assets, newest first; without a table or filter, list the asset tables.

    A table costs three requests, the catalog's model included, however many rows it has. Without one, all asset tables
    are asked together by one or two requests each: up to sixteen take as long as three requests in sequence.
    """
    from functools import partial

    from dml.asset.list_assets import list_assets
    from dml.catalog.rids import validate_rid

    console, catalog = current().console, open_catalog()
    chosen = _role(role)
    if table is None and asset_type is None and execution is None and chosen is None:
        tables = [
            {
                "table": asset_table.qualified_name,
                "comment": asset_table.comment,
                "columns": [c.name for c in asset_table.metadata_columns],
            }
            for asset_table in catalog.schema().asset_tables()
        ]
        payload: dict[str, Any] = {"tables": tables}
        columns = [Column("table", whole=True), Column("metadata columns"), Column("description")]
        lines = [(entry["table"], ", ".join(entry["columns"]), entry["comment"]) for entry in tables]
        console.emit("asset.list", payload, lambda: console.table(columns, lines))
        return
    wanted = None if execution is None else validate_rid(execution)
    listed = partial(list_assets, catalog, table=table, execution=wanted, role=chosen, limit=limit or None)
    assets, more = listed(asset_type=asset_type)
    if asset_type is not None and not assets:
        from dml.catalog.vocabulary import find_term

        # A type that is none is an error, with the nearest; a synonym is looked for by its term.
        term = find_term(catalog, "deriva-ml:Asset_Type", asset_type).name
        if term != asset_type:
            assets, more = listed(asset_type=term)
    if wanted is not None and not assets:
        from dml.asset.execution_edges import check_execution

        check_execution(catalog, wanted)
    payload = {"assets": [asset.to_mapping() for asset in assets], "more": more}
    console.emit("asset.list", payload, lambda: _print_list(console, assets, more, one_table=table is not None))


@command(
    app,
    "show",
    examples=[("dml asset show 2-MODEL", "Its file, types, links and the executions that produced or used it.")],
)
def show(rid: Rid, limit: Limit = DEFAULT_LIMIT) -> None:
    """Show an asset: its file, types, links, and the executions that produced or used it."""
    from dml.asset.execution_edges import page_of_uses
    from dml.asset.lookup import find_asset
    from dml.cli.app.links import link_facts, link_fields

    console, catalog = current().console, open_catalog()
    asset = find_asset(catalog, rid)
    uses, more = page_of_uses(catalog, rid, limit=limit or None)
    link = catalog.chaise_path(rid)
    snapshot = catalog.target.snapshot
    payload = {
        "asset": asset.to_mapping(),
        **link_fields(link, snapshot),
        "executions": [vars(use) for use in uses],
        "more": more,
    }

    def render() -> None:
        facts: list[tuple[str, object]] = [
            ("file", asset.filename or UNKNOWN),
            ("table", asset.table),
            ("types", ", ".join(asset.types) or UNKNOWN),
            ("size", format_size(asset.length)),
            ("MD5", asset.md5 or UNKNOWN),
            ("description", asset.description or UNKNOWN),
            *((name, UNKNOWN if value is None else value) for name, value in asset.metadata.items()),
            *link_facts(link, snapshot, asset.rid),
        ]
        console.print(Cell(asset.rid, "bold"))
        console.table([Column("", whole=True), Column("")], facts)
        _print_uses(console, uses, more)

    console.emit("asset.show", payload, render)


@command(
    app,
    "executions",
    examples=[
        ("dml asset executions 2-MODEL", "The executions that produced or used it."),
        ("dml asset executions 2-MODEL --role Input", "The executions that used it."),
    ],
)
def executions(rid: Rid, role: Role = None, limit: Limit = DEFAULT_LIMIT) -> None:
    """List the executions that produced or used an asset, oldest first."""
    from dml.asset.execution_edges import page_of_uses

    console = current().console
    uses, more = page_of_uses(open_catalog(), rid, _role(role), limit or None)
    payload = {"rid": rid, "executions": [vars(use) for use in uses], "more": more}
    console.emit("asset.executions", payload, lambda: _print_uses(console, uses, more))


@command(
    app,
    "download",
    examples=[
        ("dml asset download 2-MODEL", "Download and verify its file into the working directory."),
        ("dml asset download --execution 6A2 --output results", "Download all outputs of an execution."),
    ],
)
def download(
    rids: Annotated[list[str] | None, Argument(metavar="[RID]...", help="The assets.")] = None,
    execution: Annotated[
        str | None, Option("--execution", metavar="RID", help="All outputs of this execution.")
    ] = None,
    output: Annotated[Path, Option("--output", "-o", metavar="DIR", help="The directory to download to.")] = Path(),
) -> None:
    """Download assets, verified by length and MD5. A file that is already there and intact is not downloaded again."""
    from dml.asset.download import download_assets
    from dml.asset.list_assets import list_assets
    from dml.asset.lookup import find_asset
    from dml.catalog.rids import validate_rid
    from dml.cli.app.progress import showing
    from dml.errors import UsageError

    if not rids and execution is None:
        raise UsageError("no assets given: name RIDs or use --execution RID")
    settings, console, catalog = current().settings, current().console, open_catalog()
    assets = [find_asset(catalog, rid) for rid in dict.fromkeys(rids or ())]
    if execution is not None:
        from dml.api.execution_record import lookup_execution

        wanted = lookup_execution(catalog, validate_rid(execution)).execution_rid
        made, _ = list_assets(catalog, execution=wanted, role="Output")
        assets += [asset for asset in made if asset.rid not in {other.rid for other in assets}]
    with showing(settings.get("progress"), console) as progress:
        done = download_assets(catalog, assets, output, progress=progress, jobs=settings.get("jobs"))
    files = [
        {"rid": asset.rid, "path": path, "bytes": asset.length, "md5": asset.md5, "fetched": came}
        for asset, path, came in done
    ]

    def render() -> None:
        for asset, path, came in done:
            console.print(f"{asset.rid}  {path}  {format_size(asset.length)}{'' if came else '  already there'}")
        fresh = sum(came for *_, came in done)
        console.say(f"{pluralize(fresh, 'file')} downloaded and verified" if fresh else "nothing to do")

    console.emit("asset.download", {"files": files}, render)


def _role(role: str | None) -> str | None:
    from dml.errors import UsageError

    if role is None or role.capitalize() in ("Input", "Output"):
        return role and role.capitalize()
    raise UsageError(f"unknown asset role {role!r}", hint="Use Input or Output.")


def _print_list(console: Console, assets: list[Asset], more: bool, *, one_table: bool) -> None:
    columns = [Column("RID", whole=True), Column("file"), Column("types"), Column("size", right=True)]
    columns.append(Column("description") if one_table else Column("table", whole=True))
    rows = [
        (
            asset.rid,
            asset.filename,
            ", ".join(asset.types),
            format_size(asset.length),
            asset.description if one_table else asset.asset_table,
        )
        for asset in assets
    ]
    console.table(columns, rows)
    say_cut(console, len(assets), more, "asset")


def _print_uses(console: Console, uses: list[AssetUse], more: bool) -> None:
    from dml.cli.app.formatting import status_cell
    from dml.formatting import format_relative_time
    from dml.workspace.times import parse_time

    if not uses:
        console.say("no execution produced or used it")
        return
    columns = [
        Column("RID", whole=True),
        Column("role", whole=True),
        Column("status"),
        Column("created"),
        Column("description"),
    ]
    console.table(
        columns,
        [
            (use.rid, use.role, status_cell(use.status), format_relative_time(parse_time(use.created)), use.description)
            for use in uses
        ],
    )
    say_cut(console, len(uses), more)
