"""``dml exec create|start|stop|fail|abort|list|show|log``: create, run and inspect executions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from dml.cli.app.framework import command, current
from dml.cli.app.paging import DEFAULT_LIMIT, Limit, first, say_cut
from dml.cli.exec._common import Rid, announce, app, open_for_reading, open_for_writing
from dml.cli.exec._options import (
    AllowDirty,
    Assets,
    Datasets,
    Description,
    Script,
    WorkflowChecksum,
    WorkflowName,
    WorkflowRid,
    WorkflowTypes,
    WorkflowUrl,
)

if TYPE_CHECKING:
    from dml.execution.configuration import ExecutionConfiguration
    from dml.execution.workflow import Workflow


@command(
    app,
    "create",
    examples=[
        (
            "dml exec create --workflow-name Train --workflow-type Training --script train.py --dataset 1-ABC@1.2.0",
            "From a script in a git repository.",
        ),
        (
            "dml exec create --workflow-name Train --workflow-type Training --workflow-url https://example.org/train.py"
            " --workflow-checksum 9f86d081 --json",
            "From code outside this repository; print the RID as JSON.",
        ),
        (
            "dml exec create --workflow-name Train --workflow-type Training --json",
            "Without a script: record the git repository of the working directory, if there is one.",
        ),
        ("dml exec create --config run.yaml", "Read everything from a file."),
    ],
)
def create(
    script: Script = None,
    module: Annotated[str | None, Option("--module", metavar="NAME", help="The Python module to run.")] = None,
    workflow_name: WorkflowName = None,
    workflow_type: WorkflowTypes = None,
    workflow: WorkflowRid = None,
    workflow_url: WorkflowUrl = None,
    workflow_checksum: WorkflowChecksum = None,
    workflow_version: Annotated[
        str | None, Option("--workflow-version", metavar="VERSION", help="Version of the code.")
    ] = None,
    workflow_description: Annotated[
        str, Option("--workflow-description", metavar="TEXT", help="Description of the workflow.")
    ] = "",
    description: Description = "",
    dataset: Datasets = None,
    asset: Assets = None,
    config: Annotated[Path | None, Option("--config", metavar="FILE", help="A configuration in JSON or YAML.")] = None,
    hydra: Annotated[Path | None, Option("--hydra-output", metavar="DIR", help="Hydra's output directory.")] = None,
    allow_dirty: AllowDirty = False,
) -> None:
    """Create an execution with its inputs, in the catalog and in the workspace; nothing is downloaded yet."""
    from dml.execution.creation import CreateOptions
    from dml.execution.creation import create as create_execution

    named = named_workflow(
        script=script,
        module=module,
        name=workflow_name,
        types=workflow_type,
        rid=workflow,
        url=workflow_url,
        checksum=workflow_checksum,
        version=workflow_version,
        description=workflow_description,
        allow_dirty=allow_dirty,
    )
    configuration = configuration_from(config, named, description, dataset, asset)
    with open_for_writing() as session:
        row = create_execution(session, configuration, CreateOptions(hydra_directory=hydra))
        directory = session.workspace.execution_directory(row.rid)
    console = current().console
    payload = {
        "rid": row.rid,
        "status": row.status,
        "workflow": row.workflow_rid,
        "description": row.description,
        "dirty": row.dirty,
        "directory": directory,
    }

    def render() -> None:
        console.print(f"{row.rid} Created: workflow {row.workflow_rid}.   dml exec start {row.rid}")

    if row.dirty:
        hint = "" if script or module else "Name the script with --script; it must be in a git repository."
        console.warn("the code has uncommitted changes; the execution records this", hint=hint)
    console.emit("exec.create", payload, render)


@command(app, "start", examples=[("dml exec start 4VP", "Download its inputs and mark it as Running.")])
def start(rid: Rid) -> None:
    """Download the inputs of an execution and mark it as Running."""
    from dml.catalog.rids import validate_rid
    from dml.cli.app.progress import showing
    from dml.execution import lifecycle

    wanted = validate_rid(rid)
    settings = current().settings
    with open_for_writing(exclude=wanted) as session:
        with showing(settings.get("progress"), current().console) as progress:
            result = lifecycle.begin(session, wanted, progress=progress, jobs=settings.get("jobs"))
        inputs = [{"rid": file.asset.rid, "path": file.path, "cached": file.from_cache} for file in result.inputs]
        outputs = session.workspace.assets_directory(wanted)
    announce("start", result, f"{wanted} Running.", inputs=inputs, outputs=outputs)


@command(app, "stop", examples=[("dml exec stop 4VP", "Record that the run succeeded.")])
def stop(rid: Rid) -> None:
    """Mark a running execution as Stopped and record its duration; its outputs wait to be committed."""
    from dml.catalog.rids import validate_rid
    from dml.execution import lifecycle

    wanted = validate_rid(rid)
    with open_for_writing(exclude=wanted) as session:
        result = lifecycle.stop(session, wanted)
    announce("stop", result, f"{wanted} Stopped.   dml exec commit {wanted}")


@command(app, "fail", examples=[('dml exec fail 4VP --message "loss is NaN"', "Record that the run failed.")])
def fail(
    rid: Rid, message: Annotated[str, Option("--message", "-m", metavar="TEXT", help="What went wrong.")] = "failed"
) -> None:
    """Mark a running execution as Failed, with a message; staged outputs can still be committed."""
    from dml.catalog.rids import validate_rid
    from dml.execution import lifecycle

    wanted = validate_rid(rid)
    with open_for_writing(exclude=wanted) as session:
        result = lifecycle.fail(session, wanted, message)
    announce("fail", result, f"{wanted} Failed.", error=result.row.error)


@command(app, "abort", examples=[('dml exec abort 4VP --reason "wrong dataset"', "Abandon it; staged files are kept.")])
def abort(
    rid: Rid, reason: Annotated[str, Option("--reason", metavar="TEXT", help="Why it is abandoned.")] = ""
) -> None:
    """Abandon an execution for good; staged files are kept until `dml exec gc`."""
    from dml.catalog.rids import validate_rid
    from dml.execution import lifecycle

    wanted = validate_rid(rid)
    with open_for_writing(exclude=wanted) as session:
        result = lifecycle.abort(session, wanted, reason)
    announce("abort", result, f"{wanted} Aborted.", reason=result.row.reason)


@command(
    app,
    "list",
    examples=[
        ("dml exec list", "The executions of this workspace."),
        ("dml exec list --pending --json", "Executions with outputs to upload, as JSON."),
        ("dml exec list --status Failed --since 2026-01-31", "Executions that failed recently."),
        ("dml exec list --workflow Train", "The runs of one workflow, by name or RID."),
    ],
)
def list_(
    status: Annotated[
        list[str] | None,
        Option("--status", metavar="STATUS", help="Only executions with this status; may be repeated."),
    ] = None,
    since: Annotated[
        str | None,
        Option("--since", metavar="TIME", help="Only executions active since TIME, such as 2026-01-31, 12h or 7d."),
    ] = None,
    pending: Annotated[bool, Option("--pending", help="Only executions with outputs that are not uploaded.")] = False,
    workflow: Annotated[
        str | None,
        Option(
            "--workflow", metavar="NAME|RID", help="Only executions of this workflow; `dml workflow show` lists all."
        ),
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> None:
    """List the executions of the workspace, most recent first."""
    from dml.cli.app.timeparse import moment
    from dml.cli.exec.view import print_list
    from dml.execution.local_list import list_local

    console = current().console
    instant = None if since is None else moment(since)
    wanted = None if status is None else [_status(name) for name in status]
    with open_for_reading() as session:
        summaries = list_local(session, statuses=wanted, since=instant, pending=True if pending else None)
    if workflow is not None:
        summaries = [summary for summary in summaries if workflow in (summary.workflow_name, summary.row.workflow_rid)]
    shown, more = first(summaries, limit)

    def render() -> None:
        if not shown and (status or since or pending or workflow):
            console.say("no matching executions; `dml exec list` shows all")
            return
        print_list(console, shown)
        say_cut(console, len(shown), more)

    console.emit("exec.list", {"executions": [summary.to_mapping() for summary in shown], "more": more}, render)


def _status(name: str) -> str:
    """The status with this name, in its canonical spelling; an unknown one is refused."""
    from difflib import get_close_matches

    from dml.errors import UsageError
    from dml.execution.status import LEGACY, ExecutionStatus

    spelled = {known.casefold(): str(known) for known in (*ExecutionStatus, *LEGACY)}
    if name.casefold() in spelled:
        return spelled[name.casefold()]
    near = [spelled[match] for match in get_close_matches(name.casefold(), spelled, n=1)]
    meant = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"unknown execution status {name!r}", hint=f"{meant}Statuses: {', '.join(map(str, ExecutionStatus))}."
    )


@command(app, "show", examples=[("dml exec show 4VP", "Status, inputs, outputs and the next command.")])
def show(rid: Rid) -> None:
    """Show an execution: status, workflow, inputs, outputs, pending uploads and the next command."""
    from dml.catalog.rids import validate_rid
    from dml.cli.app.links import link_facts, link_fields
    from dml.cli.exec.view import print_details
    from dml.execution.local_list import details_of

    console = current().console
    with open_for_reading() as session:
        details = details_of(session, validate_rid(rid))
        link, snapshot = session.target.chaise_path(details.summary.rid), session.target.snapshot
    payload = {"execution": details.to_mapping(), **link_fields(link, snapshot)}
    links = link_facts(link, snapshot, details.summary.rid)
    console.emit("exec.show", payload, lambda: print_details(console, details, links))


@command(
    app,
    "log",
    examples=[
        ("dml exec log 4VP", "What happened to it, and when."),
        ("dml exec log 4VP --follow", "Keep printing new entries."),
    ],
)
def log(
    rid: Rid,
    follow: Annotated[bool, Option("--follow", "-f", help="Keep printing until the execution has ended.")] = False,
    number: Annotated[
        int | None, Option("--last", "-n", metavar="N", min=1, help="Show only the last N entries.")
    ] = None,
) -> None:
    """Show the journal of an execution: status changes, requests that changed data, errors."""
    from functools import partial

    from dml.catalog.rids import validate_rid
    from dml.cli.exec.view import print_entries
    from dml.execution.local_list import details_of
    from dml.workspace import journal
    from dml.workspace.executions import CLOSED_STATUSES, get_execution

    console = current().console
    wanted = validate_rid(rid)
    with open_for_reading() as session:
        details_of(session, wanted)  # raises an error with a hint when there is none
        if not follow:
            entries = journal.entries(session.registry, wanted, limit=number)
            payload = {"rid": wanted, "entries": [_entry(entry) for entry in entries]}
            console.emit("exec.log", payload, lambda: print_entries(console, entries))
            return

        def over() -> bool:
            return get_execution(session.registry, wanted).status in CLOSED_STATUSES

        for entry in journal.follow(session.registry, wanted, stop=over):
            console.record("exec.log", "entry", _entry(entry), partial(print_entries, console, [entry]))
        final = get_execution(session.registry, wanted).status
        console.record("exec.log", "result", {"rid": wanted, "status": final})


def _entry(entry: object) -> dict[str, object]:
    names = ("sequence", "at", "pid", "host", "kind", "message", "data")
    return {name: getattr(entry, name) for name in names}


def named_workflow(
    *,
    script: str | None = None,
    module: str | None = None,
    name: str | None = None,
    types: list[str] | None = None,
    rid: str | None = None,
    url: str | None = None,
    checksum: str | None = None,
    version: str | None = None,
    description: str = "",
    allow_dirty: bool = False,
) -> Workflow | None:
    """The workflow that the options describe; None when no option describes one.

    Raises:
        UsageError: The options contradict each other, or are incomplete.
    """
    from dml.catalog.rids import validate_rid
    from dml.errors import UsageError
    from dml.execution.workflow import Workflow

    if rid is not None:
        if name or types or url or checksum:
            raise UsageError("--workflow cannot be combined with the other workflow options")
        return Workflow("registered", workflow_rid=validate_rid(rid))
    if name is None:
        if types or url or checksum or script or module:
            raise UsageError("the workflow has no name", hint="Give --workflow-name NAME.")
        return None
    if not types:
        raise UsageError(
            "the workflow has no type", hint="Give --workflow-type TERM; `dml vocab list Workflow_Type` lists them."
        )
    return Workflow(
        name,
        types,
        description,
        url=url,
        checksum=checksum,
        version=version,
        path=script,
        module=module,
        allow_dirty=allow_dirty,
        project=Path.cwd(),
    )


def configuration_from(
    path: Path | None,
    workflow: Workflow | None,
    description: str,
    datasets: list[str] | None,
    assets: list[str] | None,
) -> ExecutionConfiguration:
    """The configuration in the file, extended and overridden by the options."""
    from dataclasses import replace

    from dml.dataset.spec import DatasetSpec
    from dml.execution.configuration import AssetSpec, ExecutionConfiguration, load_configuration

    base = ExecutionConfiguration() if path is None else load_configuration(path)
    return replace(
        base,
        workflow=workflow or base.workflow,
        description=description or base.description,
        datasets=[*base.datasets, *map(DatasetSpec.parse, datasets or [])],
        assets=[*base.assets, *map(AssetSpec.parse, assets or [])],
    )
