"""``dml exec create|start|stop|fail|abort|list|show|log``: the life of an execution."""

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
            "From code that is elsewhere; the RID for a program.",
        ),
        (
            "dml exec create --workflow-name Train --workflow-type Training --json",
            "Without a script: the repository around this directory is what is recorded, if there is one.",
        ),
        ("dml exec create --config run.yaml", "Everything from a file."),
    ],
)
def create(
    script: Script = None,
    module: Annotated[str | None, Option("--module", metavar="NAME", help="The module that runs.")] = None,
    workflow_name: WorkflowName = None,
    workflow_type: WorkflowTypes = None,
    workflow: WorkflowRid = None,
    workflow_url: WorkflowUrl = None,
    workflow_checksum: WorkflowChecksum = None,
    workflow_version: Annotated[
        str | None, Option("--workflow-version", metavar="VERSION", help="Version of the code.")
    ] = None,
    workflow_description: Annotated[
        str, Option("--workflow-description", metavar="TEXT", help="What the workflow does.")
    ] = "",
    description: Description = "",
    dataset: Datasets = None,
    asset: Assets = None,
    config: Annotated[Path | None, Option("--config", metavar="FILE", help="A configuration, JSON or YAML.")] = None,
    hydra: Annotated[Path | None, Option("--hydra-output", metavar="DIR", help="Hydra's output directory.")] = None,
    allow_dirty: AllowDirty = False,
) -> None:
    """Create an execution: checked, registered in the catalog and here, with its inputs; nothing is fetched yet."""
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
        hint = "" if script or module else "Name the script with --script, in a git repository."
        console.warn("the code as it runs is in no commit; the execution says so", hint=hint)
    console.emit("exec.create", payload, render)


@command(app, "start", examples=[("dml exec start 4VP", "Fetch its inputs and mark it Running.")])
def start(rid: Rid) -> None:
    """Fetch the inputs of an execution and mark it Running."""
    from dml.catalog.rids import validate_rid
    from dml.cli.app.progress import showing
    from dml.execution import lifecycle
    from dml.execution.creation import ensure_created
    from dml.execution.fetch_inputs import fetch_inputs
    from dml.execution.status import ExecutionStatus, require_transition
    from dml.workspace.executions import get_execution

    wanted = validate_rid(rid)
    settings = current().settings
    with open_for_writing(but=wanted) as session:
        require_transition(get_execution(session.registry, wanted).status, ExecutionStatus.RUNNING)
        ensure_created(session, wanted)
        with showing(settings.get("progress"), current().console) as progress:
            fetched = fetch_inputs(session, wanted, progress=progress, jobs=settings.get("jobs"))
        result = lifecycle.start(session, wanted)
        inputs = [{"rid": one.asset.rid, "path": one.path, "cached": one.from_cache} for one in fetched]
        outputs = session.workspace.assets_directory(wanted)
    announce("start", result, f"{wanted} Running.", inputs=inputs, outputs=outputs)


@command(app, "stop", examples=[("dml exec stop 4VP", "The run is over and went well.")])
def stop(rid: Rid) -> None:
    """Mark a running execution Stopped, with its duration; its outputs wait for the commit."""
    from dml.catalog.rids import validate_rid
    from dml.execution import lifecycle

    wanted = validate_rid(rid)
    with open_for_writing(but=wanted) as session:
        result = lifecycle.stop(session, wanted)
    announce("stop", result, f"{wanted} Stopped.   dml exec commit {wanted}")


@command(app, "fail", examples=[('dml exec fail 4VP --message "loss is NaN"', "The run is over and went wrong.")])
def fail(
    rid: Rid, message: Annotated[str, Option("--message", "-m", metavar="TEXT", help="What went wrong.")] = "failed"
) -> None:
    """Mark a running execution Failed, with a message; what it staged can still be committed."""
    from dml.catalog.rids import validate_rid
    from dml.execution import lifecycle

    wanted = validate_rid(rid)
    with open_for_writing(but=wanted) as session:
        result = lifecycle.fail(session, wanted, message)
    announce("fail", result, f"{wanted} Failed.", error=result.row.error)


@command(app, "abort", examples=[('dml exec abort 4VP --reason "wrong dataset"', "Give it up; staged files stay.")])
def abort(
    rid: Rid, reason: Annotated[str, Option("--reason", metavar="TEXT", help="Why it is given up.")] = ""
) -> None:
    """Give an execution up for good; its staged files stay until `dml exec gc`."""
    from dml.catalog.rids import validate_rid
    from dml.execution import lifecycle

    wanted = validate_rid(rid)
    with open_for_writing(but=wanted) as session:
        result = lifecycle.abort(session, wanted, reason)
    announce("abort", result, f"{wanted} Aborted.", reason=result.row.reason)


@command(
    app,
    "list",
    examples=[
        ("dml exec list", "The executions of this workspace."),
        ("dml exec list --pending --json", "Those that wait to be uploaded, for a program."),
        ("dml exec list --status Failed --since 2026-01-31", "What failed lately."),
        ("dml exec list --workflow Train", "The runs of one workflow, by its name or RID."),
    ],
)
def list_(
    status: Annotated[
        list[str] | None, Option("--status", metavar="STATUS", help="Only in this status; may be repeated.")
    ] = None,
    since: Annotated[
        str | None, Option("--since", metavar="TIME", help="Only with activity since then: 2026-01-31, or 12h, 7d.")
    ] = None,
    pending: Annotated[bool, Option("--pending", help="Only with outputs that are not uploaded.")] = False,
    workflow: Annotated[
        str | None, Option("--workflow", metavar="NAME|RID", help="Only of this workflow; `dml workflow show` has all.")
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> None:
    """List the executions of the workspace, the latest first."""
    from dml.cli.app.timeparse import moment
    from dml.cli.exec.view import print_list
    from dml.execution.local_list import list_local

    console = current().console
    instant = None if since is None else moment(since)
    wanted = None if status is None else [_status(one) for one in status]
    with open_for_reading() as session:
        found = list_local(session, statuses=wanted, since=instant, pending=True if pending else None)
    if workflow is not None:
        found = [one for one in found if workflow in (one.workflow_name, one.row.workflow_rid)]
    shown, more = first(found, limit)

    def render() -> None:
        if not shown and (status or since or pending or workflow):
            console.say("no execution here is like that; `dml exec list` shows all")
            return
        print_list(console, shown)
        say_cut(console, len(shown), more)

    console.emit("exec.list", {"executions": [one.to_mapping() for one in shown], "more": more}, render)


def _status(name: str) -> str:
    """A status as it is spelled; one that there is not is refused."""
    from difflib import get_close_matches

    from dml.errors import UsageError
    from dml.execution.status import LEGACY, ExecutionStatus

    spelled = {known.casefold(): str(known) for known in (*ExecutionStatus, *LEGACY)}
    if name.casefold() in spelled:
        return spelled[name.casefold()]
    near = [spelled[one] for one in get_close_matches(name.casefold(), spelled, n=1)]
    meant = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{name!r} is no status of an execution", hint=f"{meant}There are {', '.join(map(str, ExecutionStatus))}."
    )


@command(app, "show", examples=[("dml exec show 4VP", "One screen: state, inputs, outputs, what to do next.")])
def show(rid: Rid) -> None:
    """Show one execution: state, workflow, inputs, outputs, what is pending and the next command."""
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
    examples=[("dml exec log 4VP", "What was done to it, and when."), ("dml exec log 4VP --follow", "And what comes.")],
)
def log(
    rid: Rid,
    follow: Annotated[bool, Option("--follow", "-f", help="Go on until the execution is over.")] = False,
    number: Annotated[int | None, Option("--last", "-n", metavar="N", min=1, help="The last N entries.")] = None,
) -> None:
    """Show the journal of an execution: transitions, requests that changed something, errors."""
    from functools import partial

    from dml.catalog.rids import validate_rid
    from dml.cli.exec.view import print_entries
    from dml.execution.local_list import details_of
    from dml.workspace import journal
    from dml.workspace.executions import CLOSED_STATUSES, get_execution

    console = current().console
    wanted = validate_rid(rid)
    with open_for_reading() as session:
        details_of(session, wanted)  # says what to do when there is none
        if not follow:
            entries = journal.entries(session.registry, wanted, limit=number)
            payload = {"rid": wanted, "entries": [_entry(one) for one in entries]}
            console.emit("exec.log", payload, lambda: print_entries(console, entries))
            return

        def over() -> bool:
            return get_execution(session.registry, wanted).status in CLOSED_STATUSES

        for one in journal.follow(session.registry, wanted, stop=over):
            console.record("exec.log", "entry", _entry(one), partial(print_entries, console, [one]))
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
    """The workflow that options name; None when they name none.

    Raises:
        UsageError: The options contradict each other, or say too little.
    """
    from dml.catalog.rids import validate_rid
    from dml.errors import UsageError
    from dml.execution.workflow import Workflow

    if rid is not None:
        if name or types or url or checksum:
            raise UsageError("--workflow names a registered workflow; the other options about it do not go with it")
        return Workflow("registered", workflow_rid=validate_rid(rid))
    if name is None:
        if types or url or checksum or script or module:
            raise UsageError("The workflow has no name", hint="Give --workflow-name NAME.")
        return None
    if not types:
        raise UsageError("The workflow has no type", hint="Give --workflow-type TERM; `dml vocab list Workflow_Type`.")
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
    """The configuration of the file, to which options add and which they override."""
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
