"""Bringing everything an execution has staged to the catalog, once, however often it is begun.

The order of a file is: hash, look for identical content, send bytes, insert its row, link it, confirm in the registry;
feature rows come last. Later files are hashed and looked for while earlier ones go up, but bytes come before rows, and
rows before confirmations. A commit that dies anywhere is finished by the next one: each step finds what was done and
does the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from dml.errors import AuthError, ConflictError, DmlError, PartialError, RetryableError
from dml.execution import lifecycle, sync, unknown_provenance
from dml.execution.creation import ensure_created
from dml.execution.durations import elapsed, format_duration
from dml.execution.status import ExecutionStatus, effective_status, require_transition
from dml.progress import SILENT, Progress
from dml.upload import asset_rows, transfer
from dml.upload.asset_rows import OUTPUT, OutputFile, Placed
from dml.upload.batch import Batch, Work, by_table, collect, describe
from dml.upload.feature_rows import insert_features
from dml.upload.observer import ProgressCallback, UploadObserver
from dml.upload.progress_store import telling_waits
from dml.upload.report import CommittedAsset, UploadReport
from dml.upload.transfer import Located
from dml.upload.worker_pool import CancelToken
from dml.workspace import assets, executions, inputs, intents, journal, liveness
from dml.workspace.execution_lock import execution_lock
from dml.workspace.executions import SWEEP

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.workspace.executions import ExecutionRow
    from dml.workspace.session import WorkspaceSession

S = ExecutionStatus

CHUNK_SIZE = 50_000_000
"""Bytes of one piece of a large upload, unless told otherwise."""

JOBS = 8
"""Files that go up at the same time, unless told otherwise."""

UNKNOWN_INPUT = "unknown_input"
"""Kind of the intent to link the stand-in for inputs that nobody recorded."""

ROWS_AT_ONCE = 1_000
"""Asset rows that are inserted, linked and confirmed together."""

LOOKED_UP_AT_ONCE = 100
"""Files that the catalog is asked for together: their checksums fit into one path."""

HASHED_AT_ONCE = 256 << 20
"""Bytes after which sending begins, though fewer files are hashed."""


@dataclass(frozen=True)
class CommitOptions:
    """How a commit works.

    Attributes:
        jobs: Files that go up at the same time.
        chunk_size: Bytes of one piece of a large file.
        wait: Seconds to wait for another process that works on the execution.
        ends_sweep: Whether the jobs of the sweep whose parent the execution is are known to be Uploaded.
    """

    jobs: int = JOBS
    chunk_size: int = CHUNK_SIZE
    wait: float = 0.0
    ends_sweep: bool = False


@dataclass
class _Outcome:
    """What was reached so far, and what stood in the way of some files."""

    report: UploadReport
    errors: dict[str, DmlError] = field(default_factory=dict)


def commit(
    session: WorkspaceSession,
    rid: str,
    options: CommitOptions | None = None,
    *,
    progress: Progress = SILENT,
    callback: ProgressCallback | None = None,
) -> UploadReport:
    """Bring the pending files and features of an execution to the catalog and make it Uploaded.

    Writes the catalog (objects, asset rows, associations, feature rows, status, durations) and the registry. An
    execution that is Uploaded and has nothing pending is left alone. Nothing is sent before everything staged was
    checked. A transient failure (no connection, not signed in) leaves Pending_Upload, any other Failed; either way the
    same call goes on where it stopped. A catalog that took everything but the last status is no failure: the report
    names the execution in ``unsynced``, and it stays ``sync_pending``.

    Args:
        session: Where.
        rid: The execution.
        options: How.
        progress: Told of each file's bytes.
        callback: Told of the same as ``UploadProgress``.

    Raises:
        NotFoundError: A staged file is missing, or a table or term is not in the catalog; nothing was sent.
        ConflictError: The execution is the parent of a sweep, which ends by its jobs.
        IllegalTransitionError: The execution is Created or Aborted.
        LockedError: Another living process runs it or commits it.
        PartialError: Some files could not be brought, the others are uploaded.
        RetryableError: The server cannot be reached, or a disk is full.
    """
    chosen = options or CommitOptions()
    with (
        execution_lock(session.registry, rid, wait=chosen.wait),
        telling_waits(session.registry, rid, session.catalog.policy),
    ):
        ensure_created(session, rid)
        if not chosen.ends_sweep:
            _refuse_sweep(session, rid)
        row, unsynced = _ready(session, rid)
        try:
            batch = collect(session, rid)
        except DmlError as error:
            _remember_error(session, rid, error)
            raise
        if batch and not inputs.list_inputs(session.registry, rid):
            intents.declare(session.registry, UNKNOWN_INPUT, rid, execution_rid=rid)
        if effective_status(row.status) is S.UPLOADED and not batch:
            if row.error:  # of an attempt to add what was taken back since
                executions.update_execution(session.registry, rid, error=None)
            return UploadReport(execution_rids=[rid], unsynced={rid: unsynced} if unsynced is not None else {})
        began = session.registry.clock()
        if effective_status(row.status) is not S.PENDING_UPLOAD:
            lifecycle.change(session, rid, S.PENDING_UPLOAD, error=None)
        watch = UploadObserver(progress, callback)
        try:
            report = _carry(session, rid, batch, chosen, watch)
        except (RetryableError, AuthError) as error:
            _remember_error(session, rid, error)
            raise
        except DmlError as error:
            error.hint = error.hint or f"See `dml exec show {rid}`; `dml exec commit {rid}` goes on where it stopped."
            _fail(session, rid, error, elapsed(began, session.registry.clock()))
            raise
        took = format_duration(elapsed(began, session.registry.clock()))
        told = lifecycle.change(session, rid, S.UPLOADED, upload_duration=took, error=None)
        if told.problem is not None:
            report.unsynced[rid] = told.problem
        journal.append(
            session.registry,
            "commit",
            "uploaded",
            execution_rid=rid,
            data=report.to_mapping() | {"assets": len(report.assets)},
        )
        watch.say("done", f"{rid} is uploaded")
        return report


def bring_files(
    session: WorkspaceSession, rid: str, batch: Batch, options: CommitOptions, watch: UploadObserver
) -> UploadReport:
    """Bring files, without features and without any change of status: what creating an execution does with its
    metadata.

    Raises:
        PartialError: Some files could not be brought.
    """
    outcome = _Outcome(UploadReport(execution_rids=[rid]))
    _bring_files(session, rid, batch, options, watch, outcome, look_first=False)
    _raise_errors(session, rid, outcome)
    return outcome.report


def _refuse_sweep(session: WorkspaceSession, rid: str) -> None:
    """Uploaded says of a parent that every job is: who commits it alone does not know that."""
    row = executions.get_execution(session.registry, rid)
    if SWEEP in row.extra and effective_status(row.status) is not S.UPLOADED:
        raise ConflictError(
            f"{rid} is the parent of a sweep, which is Uploaded when all its jobs are",
            hint=f"dml run --resume {rid}    # runs the jobs that are left, and ends it",
        )


def _ready(session: WorkspaceSession, rid: str) -> tuple[ExecutionRow, DmlError | None]:
    """The execution in a state from which it can be committed, and why the catalog could not be told of it.

    A run of this very process is stopped first.
    """
    row, problem = executions.get_execution(session.registry, rid), None
    if row.sync_pending and row.mode == "online":
        told = sync.push(session, rid)  # what an interrupted command could not say any more
        row, problem = told.row, told.problem
    status = effective_status(row.status)
    if status is S.RUNNING:
        runner = liveness.liveness_of(session.registry, rid)
        if runner is not None and lifecycle.runs_here(runner):
            stopped = lifecycle.stop(session, rid)
            return stopped.row, stopped.problem
        lifecycle.refuse_other_runner(session, rid)
    elif status not in (S.PENDING_UPLOAD, S.UPLOADED):
        require_transition(row.status, S.PENDING_UPLOAD)
    return row, problem


def _carry(
    session: WorkspaceSession, rid: str, batch: Batch, options: CommitOptions, watch: UploadObserver
) -> UploadReport:
    outcome = _Outcome(UploadReport(execution_rids=[rid]))
    _bring_files(session, rid, batch, options, watch, outcome)
    _raise_errors(session, rid, outcome)
    if batch.features:
        watch.say("rows", f"inserting {len(batch.features)} feature rows")
        outcome.report.features = insert_features(session, rid, batch.features)
    _link_unknown_input(session, rid)
    return outcome.report


def _bring_files(
    session: WorkspaceSession,
    rid: str,
    batch: Batch,
    options: CommitOptions,
    watch: UploadObserver,
    outcome: _Outcome,
    *,
    look_first: bool = True,
) -> None:
    """Hash, send, insert, link and confirm files. Later files are hashed and looked up while earlier ones are sent.

    Without ``look_first`` identical content is found by its URL alone, when its insert is refused: that saves a request
    where it is rare, and misses rows of older releases that name a version of the object.
    """
    if not batch.works:
        return
    watch.say("hashing", f"looking at {len(batch.works)} files")
    located: dict[str, Located] = {}
    shared: dict[str, Placed] = {}
    stop = CancelToken()

    def to_send() -> Iterator[list[Located]]:
        for works in _groups(batch.works, options.jobs):
            found, errors = transfer.hash_files(session, rid, works, options.jobs, stop)
            outcome.errors |= errors
            located.update((file.key, file) for file in found)
            if look_first:
                shared.update(find_shared(session, found))
            yield [file for file in found if file.key not in shared]

    confirmed, errors = transfer.send_files(
        session, rid, to_send(), watch, jobs=options.jobs, chunk_size=options.chunk_size, stop=stop
    )
    outcome.errors |= errors
    outcome.report.bytes_sent += sum(located[key].digest.length for key in confirmed)
    watch.say("rows", f"inserting {len(confirmed) + len(shared)} asset rows")
    ready = {key: file for key, file in located.items() if key in confirmed or key in shared}
    for table, works in by_table([file.work for file in ready.values()]):
        for begin in range(0, len(works), ROWS_AT_ONCE):
            page = [ready[work.key] for work in works[begin : begin + ROWS_AT_ONCE]]
            _bring_rows(session, rid, table, page, shared, watch, outcome.report)


def _groups(works: Sequence[Work], jobs: int) -> Iterator[list[Work]]:
    """Files to hash and look up together: as many checksums as one request asks for; large files as many as are read
    side by side."""
    group: list[Work] = []
    size = 0
    for work in works:
        group.append(work)
        size += work.identity.size
        if len(group) >= LOOKED_UP_AT_ONCE or (size >= HASHED_AT_ONCE and len(group) >= jobs):
            yield group
            group, size = [], 0
    if group:
        yield group


def find_shared(session: WorkspaceSession, located: Sequence[Located]) -> dict[str, Placed]:
    """Files whose content is in the catalog already, under a row whose bytes the store has."""
    from dml.catalog.concurrency import gather
    from dml.catalog.objects import stat

    found: dict[str, Placed] = {}
    by_key = {file.key: file for file in located}
    for table, works in by_table([file.work for file in located]):
        found |= asset_rows.find_identical(session.catalog, table, [_output(by_key[work.key]) for work in works])
    checks = [(key, placed) for key, placed in found.items()]
    there = gather([partial(stat, session.catalog, placed.url) for _, placed in checks])
    # A row whose bytes are not there was left by another program: its bytes go up now, and the row serves.
    return {key: placed for (key, placed), info in zip(checks, there, strict=True) if info is not None}


def _bring_rows(
    session: WorkspaceSession,
    rid: str,
    table: Table,
    page: Sequence[Located],
    shared: dict[str, Placed],
    watch: UploadObserver,
    report: UploadReport,
) -> None:
    """Insert, link and confirm some files of one table."""
    placed = {file.key: shared[file.key] for file in page if file.key in shared}
    new = [_output(file) for file in page if file.key not in shared]
    if new:
        placed |= asset_rows.insert_assets(session.catalog, table, new)
    asset_rows.link_assets(
        session.catalog, table, rid, OUTPUT, {placed[file.key].rid: file.work.types for file in page}
    )
    undescribed = {
        placed[file.key].rid: file.work.row.description
        for file in page
        if placed[file.key].shared and file.work.row.description and not placed[file.key].description
    }
    asset_rows.describe_shared(session.catalog, table, undescribed)
    assets.mark_uploaded(session.registry, rid, {key: (one.rid, one.url) for key, one in placed.items()})
    for file in page:
        one = placed[file.key]
        if file.key in shared:
            watch.begin(file.key, file.work.path, file.digest.length)
            watch.finish(file.key, f"already in the catalog as {one.rid}")
        report.assets.append(CommittedAsset(file.key, table.schema, one.rid, one.shared, file.work.path))
        report.shared += one.shared
    report.count(table.schema, table.name, "uploaded", len(page))


def _output(file: Located) -> OutputFile:
    row = file.work.row
    return OutputFile(
        key=file.key,
        url=file.url,
        filename=row.filename,
        length=file.digest.length,
        md5_hex=file.digest.md5_hex,
        description=row.description,
        metadata=row.metadata,
        types=file.work.types,
    )


def _raise_errors(session: WorkspaceSession, rid: str, outcome: _Outcome) -> None:
    """Record what stood in the way of single files, and raise it."""
    if not outcome.errors:
        return
    assets.mark_failed(session.registry, rid, {key: str(error) for key, error in outcome.errors.items()})
    first = next(iter(outcome.errors.values()))
    if not outcome.report.assets and len(outcome.errors) == 1:
        raise first
    raise PartialError(
        f"{len(outcome.report.assets)} files of {rid} are uploaded, {len(outcome.errors)} are not"
        f" ({describe(list(outcome.errors))}): {first}",
        hint=first.hint or f"dml exec show {rid}",
    )


def _link_unknown_input(session: WorkspaceSession, rid: str) -> None:
    """Link the stand-in for unknown inputs, if this or an interrupted commit found that no input is recorded."""
    wanted = intents.find_intents(session.registry, kind=UNKNOWN_INPUT, execution_rid=rid, unfinished=True)
    if not wanted:
        return
    if not inputs.list_inputs(session.registry, rid):
        knows_all = bool(executions.get_execution(session.registry, rid).extra.get("created_here"))
        if unknown_provenance.link_unknown_input(session.catalog, rid, known_to_have_none=knows_all):
            message = "no input was recorded; linked to the catalog's unknown provenance"
            journal.append(session.registry, "note", message, execution_rid=rid)
    intents.finish(session.registry, [intent.token for intent in wanted])


def _remember_error(session: WorkspaceSession, rid: str, error: DmlError) -> None:
    """Keep the reason of an interruption; when the disk is full not even that can be written, and the error itself
    tells."""
    import contextlib

    with contextlib.suppress(DmlError):
        executions.update_execution(session.registry, rid, error=str(error))
        journal.append(session.registry, "error", f"the upload was interrupted: {error}", execution_rid=rid)


def _fail(session: WorkspaceSession, rid: str, error: DmlError, seconds: float | None) -> None:
    journal.append(session.registry, "error", f"the upload failed: {error}", execution_rid=rid)
    try:
        lifecycle.change(session, rid, S.FAILED, error=str(error), upload_duration=format_duration(seconds))
    except DmlError as second:
        # The first error is the one the user needs; that the status could not be set is in the journal.
        journal.append(session.registry, "error", f"the status could not be set to Failed: {second}", execution_rid=rid)
