"""``dml exec stage|unstage|stage-features|commit``: stage the outputs of an execution and upload them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Exit, Option

from dml.cli.app.framework import command, current
from dml.cli.exec._common import Rid, Rids, app, open_for_writing, push_others, warn_unsynced

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.errors import DmlError
    from dml.execution.commit import CommitOptions
    from dml.execution.staging import StagingRequest
    from dml.workspace.session import WorkspaceSession


@command(
    app,
    "stage",
    examples=[
        ("dml exec stage 4VP model.pt --table Execution_Asset --type Model_File", "One output."),
        ("dml exec stage 4VP masks/ --table Image --type Mask --meta Subject=2-SUB1 --copy", "A whole directory."),
    ],
)
def stage(
    rid: Rid,
    files: Annotated[
        list[Path], Argument(metavar="FILE...", help="Files, or directories, which are staged recursively.")
    ],
    table: Annotated[str, Option("--table", "-t", metavar="TABLE", help="The asset table.")] = "Execution_Asset",
    types: Annotated[
        list[str] | None, Option("--type", metavar="TERM", help="An Asset_Type term; may be repeated.")
    ] = None,
    meta: Annotated[
        list[str] | None, Option("--meta", metavar="COLUMN=VALUE", help="Value of a metadata column; may be repeated.")
    ] = None,
    description: Annotated[
        str | None, Option("--description", "-d", metavar="TEXT", help="Description of the files.")
    ] = None,
    name: Annotated[
        str | None, Option("--as", metavar="NAME", help="Store the file under this name; for a single file.")
    ] = None,
    copy: Annotated[bool, Option("--copy", help="Copy the file into the workspace.")] = False,
    link: Annotated[bool, Option("--link", help="Hard-link the file into the workspace.")] = False,
    move: Annotated[bool, Option("--move", help="Move the file into the workspace.")] = False,
) -> None:
    """Stage files as outputs of an execution; the next commit uploads them. Works offline."""
    from dml.asset.tables import check_metadata
    from dml.catalog.rids import validate_rid
    from dml.execution.offline_staging import known_table, known_types
    from dml.execution.staging import stage as stage_files
    from dml.formatting import pluralize

    wanted = validate_rid(rid)
    console = current().console
    with open_for_writing(push=False) as session:
        asset_table = known_table(session, table)
        metadata = _metadata(asset_table, meta or [])
        check_metadata(asset_table, metadata)
        names = known_types(session, wanted, types if types is not None else [asset_table.name])
        staged = stage_files(
            session, wanted, asset_table, _stagings(files, name, names, metadata, description, copy, link, move)
        )
    payload = {
        "rid": wanted,
        "files": [
            {
                "key": row.key,
                "source": row.source,
                "method": row.method,
                "bytes": row.identity.size if row.identity else None,
            }
            for row in staged
        ],
    }
    text = staged[0].key if len(staged) == 1 else pluralize(len(staged), "file")
    console.emit("exec.stage", payload, lambda: console.print(f"{wanted}: staged {text}"))


@command(
    app,
    "unstage",
    examples=[
        ("dml exec unstage 4VP Execution_Asset/model.pt", "Unstage a file; the original is kept."),
        ("dml exec unstage 4VP --features", "Unstage the feature values."),
    ],
)
def unstage(
    rid: Rid,
    keys: Annotated[list[str] | None, Argument(metavar="[TABLE/NAME]...", help="The staged files.")] = None,
    features: Annotated[bool, Option("--features", help="Unstage all feature values that are not uploaded.")] = False,
) -> None:
    """Unstage files or feature values that are not uploaded; the original files are kept."""
    from dml.catalog.rids import validate_rid
    from dml.errors import UsageError
    from dml.execution.staging import unstage as unstage_file
    from dml.formatting import pluralize
    from dml.workspace.executions import get_execution
    from dml.workspace.features import unstage_features

    if not keys and not features:
        raise UsageError(
            "nothing to unstage: name a staged file or use --features",
            hint="`dml exec show` lists staged files as TABLE/NAME.",
        )
    wanted = validate_rid(rid)
    console = current().console
    with open_for_writing(push=False) as session:
        get_execution(session.registry, wanted)
        unstaged = [unstage_file(session, wanted, key).key for key in keys or []]
        rows = unstage_features(session.registry, wanted) if features else 0
    payload = {"rid": wanted, "files": unstaged, "feature_rows": rows}
    text = f"{wanted}: unstaged {pluralize(len(unstaged), 'file')}, {pluralize(rows, 'feature row')}"
    console.emit("exec.unstage", payload, lambda: console.print(text))


@command(
    app,
    "stage-features",
    examples=[
        (
            "dml exec stage-features 4VP labels.csv --feature Image.Quality",
            "Stage values from a CSV or JSON Lines file.",
        )
    ],
)
def stage_features(
    rid: Rid,
    file: Annotated[Path, Argument(metavar="FILE", help="CSV with a header row, or JSON Lines.")],
    feature: Annotated[str, Option("--feature", metavar="TABLE.NAME", help="The feature.")],
) -> None:
    """Stage feature values from a file, all or none, validated against columns and vocabularies."""
    from dml.catalog.rids import validate_rid
    from dml.errors import UsageError
    from dml.feature.staging import stage_records
    from dml.feature.value_files import read_records
    from dml.formatting import pluralize

    target, dot, name = feature.partition(".")
    if not dot:
        raise UsageError(f"invalid feature name {feature!r}", hint="Write TABLE.NAME, such as Image.Quality.")
    wanted = validate_rid(rid)
    console = current().console
    with open_for_writing(push=False) as session:
        feature_table = session.catalog.schema().feature(target, name)
        number = stage_records(session, wanted, feature_table, read_records(file, feature_table))
    payload = {"rid": wanted, "feature": f"{feature_table.target.name}.{feature_table.name}", "records": number}
    text = f"{wanted}: staged {pluralize(number, 'feature row')}"
    console.emit("exec.stage-features", payload, lambda: console.print(text))


@command(
    app,
    "commit",
    examples=[
        ("dml exec commit 4VP", "Upload all its staged outputs."),
        ("dml exec commit 4VP --dry-run", "Show what would be uploaded."),
        ("dml exec commit --all --yes --json", "Upload everything that is pending in this workspace."),
    ],
)
def commit(
    rids: Rids = None,
    everything: Annotated[
        bool, Option("--all", help="All executions with pending outputs that are neither running nor aborted.")
    ] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Show what would be uploaded; send nothing.")] = False,
    plan_file: Annotated[Path | None, Option("--plan", metavar="FILE", help="Write the plan to a file.")] = None,
    apply_file: Annotated[Path | None, Option("--apply", metavar="FILE", help="Commit according to a plan.")] = None,
    clean: Annotated[bool, Option("--clean", help="Remove local files once their upload is confirmed.")] = False,
    jobs: Annotated[
        int | None, Option("--jobs", metavar="N", min=1, help="Number of files to upload in parallel.")
    ] = None,
    chunk_size: Annotated[
        int | None, Option("--chunk-size", metavar="BYTES", min=1, help="Chunk size for large files.")
    ] = None,
    timeout: Annotated[float | None, Option("--timeout", metavar="SECONDS", help="Time limit for a response.")] = None,
    max_retries: Annotated[
        int | None, Option("--max-retries", metavar="N", min=0, help="Maximum retries of a request.")
    ] = None,
    retry_delay: Annotated[
        float | None,
        Option("--retry-delay", metavar="SECONDS", help="Delay before the first retry; doubles each time."),
    ] = None,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Upload staged files and feature values to the catalog; an interrupted commit is continued."""
    from dml.catalog.rids import validate_rid
    from dml.errors import UsageError

    wanted = [validate_rid(rid) for rid in rids or []]
    if sum(map(bool, (wanted, everything, apply_file))) > 1:
        raise UsageError("RIDs, --all and --apply cannot be combined")
    if not (wanted or everything or apply_file):
        raise UsageError("nothing to commit: name an execution or use --all")
    with open_with_retry_options(timeout, max_retries, retry_delay) as session:
        if dry_run or plan_file is not None:
            _plan(session, wanted or _all(session), plan_file)
            return
        chosen = [_applied(session, apply_file)] if apply_file is not None else wanted or _all(session)
        if everything and chosen:
            _ask(chosen, yes=yes)
        code = _commit(session, chosen, _options(jobs, chunk_size), clean=clean)
        push_others(session, *chosen)
    if code:
        raise Exit(code)


def open_with_retry_options(timeout: float | None, max_retries: int | None, retry_delay: float | None) -> Any:
    """Open the workspace for writing, on a connection with the timeout and retries of the options."""
    from contextlib import contextmanager

    @contextmanager
    def opened() -> Any:
        from dml.catalog.connection import connect
        from dml.cli.app.retry_options import retry_policy
        from dml.workspace.session import WorkspaceSession

        invocation = current()
        policy = retry_policy(invocation.settings, timeout=timeout, max_retries=max_retries, retry_delay=retry_delay)
        catalog = connect(invocation.target, on_wait=invocation.console.say, policy=policy)
        with WorkspaceSession.writing(
            invocation.target, invocation.workspace, catalog=catalog, cache=invocation.settings.get("cache_dir")
        ) as session:
            yield session

    return opened()


def _commit(session: WorkspaceSession, rids: list[str], options: CommitOptions, *, clean: bool) -> int:
    """Commit executions; the error of a single one is raised, the errors of several are reported.

    Returns:
        The exit code.
    """
    import time

    from dml.cli.app.progress import showing
    from dml.cli.exec.view import print_report
    from dml.errors import PartialError
    from dml.execution.commit_many import commit_several
    from dml.workspace.executions import find_execution

    console = current().console
    began = time.monotonic()
    problems: list[tuple[str, DmlError]] = []
    with showing(current().settings.get("progress"), console) as progress:
        report = commit_several(
            session,
            rids,
            options=options,
            clean=clean,
            progress=progress,
            on_error=lambda rid, error: problems.append((rid, error)),
        )
    if len(rids) == 1 and problems:
        raise problems[0][1]
    rows = [find_execution(session.registry, rid) for rid in rids]
    statuses = {row.rid: row.status for row in rows if row is not None}
    payload = {**report.to_mapping(), "statuses": statuses}
    shown = [f"{rid} {status}" for rid, status in statuses.items()]
    console.emit("exec.commit", payload, lambda: print_report(console, report, shown, time.monotonic() - began))
    unsynced = warn_unsynced(report)
    if not problems and not unsynced:
        return 0
    if len(problems) + len(report.unsynced) < len(rids):
        return PartialError.exit_code
    return problems[0][1].exit_code if problems else unsynced


def _plan(session: WorkspaceSession, rids: list[str], path: Path | None) -> None:
    import json

    from dml.errors import UsageError
    from dml.execution.commit_plan import plan
    from dml.formatting import format_size, pluralize

    console = current().console
    plans = [plan(session, rid) for rid in rids]
    documents = [each.to_mapping() for each in plans]
    if path is not None:
        if len(plans) != 1:
            raise UsageError("--plan takes exactly one execution")
        path.write_text(json.dumps({"schema": "dml.exec.plan/1", **documents[0]}, indent=2) + "\n")

    def render() -> None:
        for commit_plan in plans:
            work = f"{pluralize(len(commit_plan.files), 'file')}, {format_size(commit_plan.bytes_to_send)} to send"
            console.print(f"{commit_plan.rid} {commit_plan.status}: {work}")
            for file in commit_plan.files:
                what = "upload" if file.shared_with is None else f"already in the catalog as {file.shared_with}"
                console.print(f"  {file.key}  {format_size(file.bytes)}  {what}")
            for table, rows in commit_plan.features.items():
                console.print(f"  {table}  {pluralize(rows, 'feature row')}")
        console.print("Nothing was sent." if plans else "nothing to do")

    console.emit("exec.plan", {"plans": documents}, render)


def _applied(session: WorkspaceSession, path: Path) -> str:
    import json

    from dml.errors import UsageError
    from dml.execution.commit_plan import verify_plan

    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the plan {path}: {error}") from error
    return verify_plan(session, document if isinstance(document, dict) else {})


def _all(session: WorkspaceSession) -> list[str]:
    from dml.execution.commit_many import committable

    return [row.rid for row in reversed(committable(session))]


def _ask(rids: list[str], *, yes: bool) -> None:
    import sys

    from dml.cli.app.prompts import confirm

    if sys.stdin.isatty():
        confirm(f"Commit {', '.join(rids)}?", yes=yes)


def _options(jobs: int | None, chunk_size: int | None) -> CommitOptions:
    from dml.execution.commit import CommitOptions

    settings = current().settings
    return CommitOptions(jobs=jobs or settings.get("jobs"), chunk_size=chunk_size or settings.get("chunk_size"))


def _stagings(
    files: list[Path],
    name: str | None,
    types: list[str],
    metadata: dict[str, Any],
    description: str | None,
    copy: bool,
    link: bool,
    move: bool,
) -> list[StagingRequest]:
    from dml.asset.placement import Method
    from dml.errors import NotFoundError, UsageError
    from dml.execution.staging import StagingRequest, walk_tree
    from dml.safe_text import safe

    if copy + link + move > 1:
        raise UsageError("--copy, --link and --move are mutually exclusive")
    if name is not None and (len(files) != 1 or files[0].is_dir()):
        raise UsageError("--as can only be used with a single file", hint="Stage the files one by one.")
    method = Method.COPY if copy else Method.LINK if link else Method.MOVE if move else Method.SYMLINK
    sources: list[tuple[Path, str]] = []
    for file in files:
        if file.is_dir():
            sources += walk_tree(file)
        elif file.exists():
            sources.append((file, name or file.name))
        else:
            raise NotFoundError(f"no such file: {safe(file)}")
    if not sources:
        raise NotFoundError(f"no files in {safe(files[0])}")
    return [StagingRequest(path, as_name, types, metadata, description, method) for path, as_name in sources]


def _metadata(table: Table, given: list[str]) -> dict[str, Any]:
    from dml.errors import UsageError
    from dml.feature.value_files import parse_value

    values: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--meta {pair!r} has no value", hint="Write --meta COLUMN=VALUE.")
        column = table.column(name)
        values[name] = text if column is None else parse_value(column, text)
    return values
