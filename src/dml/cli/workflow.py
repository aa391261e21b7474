"""``dml workflow``: list, show and change the workflows of a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from dml.cli.app.framework import command, current, group
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Cell, Column, Console
from dml.cli.app.paging import DEFAULT_LIMIT, Limit, say_cut
from dml.formatting import UNKNOWN

if TYPE_CHECKING:
    from dml.workflow.lookup import WorkflowRow

app = group("workflow", "Workflows: the code that executions run; list, show, describe.")

Wanted = Annotated[str, Argument(metavar="WORKFLOW", help="RID, URL or checksum of the workflow.")]


@command(
    app,
    "list",
    examples=[
        ("dml workflow list", "The workflows of the catalog, newest first."),
        ("dml workflow list --type Training --json", "Only one type, as JSON."),
    ],
)
def list_(
    workflow_type: Annotated[str | None, Option("--type", metavar="TERM", help="Only workflows of this type.")] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> None:
    """List the workflows of the catalog with their types, newest first."""
    from dml.workflow.lookup import list_workflows

    console = current().console
    catalog = open_catalog()
    workflows, more = list_workflows(catalog, workflow_type=workflow_type, limit=limit or None)
    if workflow_type is not None and not workflows:
        from dml.catalog.vocabulary import find_term

        term = find_term(catalog, "deriva-ml:Workflow_Type", workflow_type).name
        if term != workflow_type:
            workflows, more = list_workflows(catalog, workflow_type=term, limit=limit or None)
    payload = {"workflows": [workflow.to_mapping() for workflow in workflows], "more": more}
    console.emit("workflow.list", payload, lambda: _print_list(console, workflows, more))


@command(
    app,
    "show",
    examples=[("dml workflow show 1-WF", "Its source, types and executions.")],
)
def show(workflow: Wanted, limit: Limit = 10) -> None:
    """Show a workflow: source link, types, and executions, newest first."""
    from dml.cli.app.links import link_facts, link_fields
    from dml.workflow.lookup import count_by_status, find_workflow, list_workflow_executions

    console, catalog = current().console, open_catalog()
    details = find_workflow(catalog, workflow)
    counts = count_by_status(catalog, details.rid)
    rows, more = list_workflow_executions(catalog, details.rid, limit=limit or None)
    runs = [{name: row.get(column) for name, column in _RUN.items()} for row in rows]
    link = catalog.chaise_path(details.rid)
    snapshot = catalog.target.snapshot
    payload = {
        "workflow": details.to_mapping(),
        **link_fields(link, snapshot),
        "counts": counts,
        "executions": runs,
        "more": more,
    }

    def render() -> None:
        _print_workflow(console, details, link_facts(link, snapshot, details.rid))
        total = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        console.print(f" executions  {total or 'none'}")
        _print_runs(console, runs)
        say_cut(console, len(runs), more)

    console.emit("workflow.show", payload, render)


@command(
    app,
    "set",
    examples=[
        ('dml workflow set 1-WF -d "Trains the classifier"', "Set its description."),
        ("dml workflow set 1-WF --add-type Training --remove-type Testing", "Change its types."),
    ],
)
def set_(
    workflow: Wanted,
    description: Annotated[
        str | None, Option("--description", "-d", metavar="TEXT", help="The description, in Markdown.")
    ] = None,
    add_type: Annotated[
        list[str] | None, Option("--add-type", metavar="TERM", help="Add this Workflow_Type term; may be repeated.")
    ] = None,
    remove_type: Annotated[
        list[str] | None, Option("--remove-type", metavar="TERM", help="Remove this type; may be repeated.")
    ] = None,
) -> None:
    """Change the description or types of a workflow. Values that already match are left unchanged."""
    from dml.catalog.vocabulary import find_term
    from dml.errors import UsageError
    from dml.workflow import lookup

    if description is None and not add_type and not remove_type:
        raise UsageError("nothing to change: use --description, --add-type or --remove-type")
    console, catalog = current().console, open_catalog()
    before = lookup.find_workflow(catalog, workflow)
    for name in (*(add_type or ()), *(remove_type or ())):
        find_term(catalog, "deriva-ml:Workflow_Type", name)  # all are known before anything is written
    changed = [f"type {name} added" for name in add_type or () if lookup.add_workflow_type(catalog, before.rid, name)]
    changed += [
        f"type {name} removed" for name in remove_type or () if lookup.remove_workflow_type(catalog, before.rid, name)
    ]
    if description is not None and description != before.description:
        lookup.set_workflow_description(catalog, before.rid, description)
        changed.append("description updated")
    after = lookup.find_workflow(catalog, before.rid) if changed else before
    text = f"{before.rid}: {', '.join(changed)}." if changed else f"{before.rid} is already up to date; nothing to do."
    payload = {"workflow": after.to_mapping(), "changed": changed}
    console.emit("workflow.set", payload, lambda: console.print(text))


_RUN = {
    "rid": "RID",
    "status": "Status",
    "detail": "Status_Detail",
    "description": "Description",
    "created": "RCT",
}


def _print_list(console: Console, workflows: list[WorkflowRow], more: bool) -> None:
    columns = [Column("RID", whole=True), Column("name"), Column("types"), Column("version"), Column("source")]
    rows = [
        (workflow.rid, workflow.name, ", ".join(workflow.types), workflow.version or UNKNOWN, workflow.url or UNKNOWN)
        for workflow in workflows
    ]
    console.table(columns, rows)
    say_cut(console, len(workflows), more, "workflow")


def _print_workflow(console: Console, workflow: WorkflowRow, links: list[tuple[str, object]]) -> None:
    facts: list[tuple[str, object]] = [
        ("name", Cell(workflow.name or UNKNOWN, "bold")),
        ("types", ", ".join(workflow.types) or UNKNOWN),
        ("description", workflow.description or UNKNOWN),
        ("source", workflow.url or UNKNOWN),
        ("checksum", workflow.checksum or UNKNOWN),
        ("version", workflow.version or UNKNOWN),
        *links,
    ]
    console.print(Cell(workflow.rid, "bold"))
    console.table([Column("", whole=True), Column("")], facts)


def _print_runs(console: Console, runs: list[dict[str, object]]) -> None:
    from dml.cli.app.formatting import status_cell
    from dml.formatting import format_relative_time
    from dml.workspace.times import parse_time

    if runs:
        columns = [Column("RID", whole=True), Column("status", whole=True), Column("created"), Column("description")]
        rows = [
            (
                run["rid"],
                status_cell(str(run["status"]) if run["status"] else None),
                format_relative_time(parse_time(str(run["created"]))),
                run["detail"] or run["description"] or "",
            )
            for run in runs
        ]
        console.table(columns, rows)
