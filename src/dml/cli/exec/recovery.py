"""``dml exec resume|sync|gc``: recover after an interruption and remove local files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Exit, Option

from dml.cli.app.framework import command, current
from dml.cli.exec._common import Rid, Rids, app, open_for_writing, push_others, warn_unsynced
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.execution.gc import Candidate


@command(
    app,
    "resume",
    examples=[
        ("dml exec resume 4W8", "Find out what is left to do and prepare to continue."),
        ("dml exec resume 4W8 --commit", "Upload it as well."),
    ],
)
def resume(rid: Rid, commit: Annotated[bool, Option("--commit", help="Upload pending outputs.")] = False) -> None:
    """Recover an execution after an interruption: reconcile it with the catalog, ready to be committed."""
    from dml.catalog.rids import validate_rid
    from dml.cli.app.progress import showing
    from dml.execution.commit import CommitOptions
    from dml.execution.commit import commit as commit_execution
    from dml.execution.resume import resume as resume_execution
    from dml.experiment.sweep_record import read_record
    from dml.formatting import format_size, pluralize
    from dml.workspace.executions import get_execution

    wanted = validate_rid(rid)
    invocation = current()
    console = invocation.console
    report = None
    with open_for_writing(exclude=wanted) as session:
        recovery = resume_execution(session, wanted)
        if commit:
            options = CommitOptions(invocation.settings.get("jobs"), invocation.settings.get("chunk_size"))
            with showing(invocation.settings.get("progress"), console) as progress:
                report = commit_execution(session, wanted, options, progress=progress)
        row = get_execution(session.registry, wanted)
        is_sweep = read_record(session.registry, wanted) is not None
    payload = {
        "rid": wanted,
        "status": row.status,
        "outcome": recovery.outcome,
        "actions": recovery.actions,
        "pending": {
            "files": recovery.pending.files,
            "bytes": recovery.pending.bytes,
            "features": recovery.pending.features,
        },
        "commit": report.to_mapping() if report is not None else None,
    }

    def render() -> None:
        for action in recovery.actions or ("nothing to do",):
            console.print(f"{wanted}: {action}")
        if report is not None:
            console.print(f"{wanted} {row.status}: {pluralize(report.total_uploaded, 'file')} uploaded")
        elif recovery.pending:
            size = format_size(recovery.pending.bytes)
            console.print(f"{pluralize(recovery.pending.files, 'file')}, {size} pending.   dml exec commit {wanted}")

    console.emit("exec.resume", payload, render)
    if is_sweep:
        console.warn(f"{wanted} is a sweep; only its parent execution was resumed", hint=f"dml run --resume {wanted}")
    if report is not None and (code := warn_unsynced(report)):
        raise Exit(code)


@command(app, "sync", examples=[("dml exec sync", "Sync statuses that could not be sent earlier.")])
def sync() -> None:
    """Sync to the catalog every status that earlier commands could not send."""
    from dml.execution.sync import creation_unfinished, push_all
    from dml.workspace.executions import list_executions

    console = current().console
    with open_for_writing(push=False) as session:
        waiting = [row.rid for row in list_executions(session.registry, sync_pending=True)]
        problems = push_all(session)
        unfinished = [rid for rid in waiting if creation_unfinished(session, rid)]
    failed = dict(problems)
    synced = [rid for rid in waiting if rid not in failed and rid not in unfinished]
    payload = {
        "synced": synced,
        "unfinished": unfinished,
        "failed": [{"rid": rid, "error": error.message} for rid, error in problems],
    }
    text = f"synced: {', '.join(synced)}" if synced else "nothing to do"
    console.emit("exec.sync", payload, lambda: console.print(text))
    for rid in unfinished:
        console.warn(f"{rid}: its creation was interrupted", hint=f"dml exec resume {rid}, or dml exec abort {rid}")
    for rid, error in problems:
        console.warn(f"{rid}: {error.message}", hint=error.hint)
    if problems:
        raise Exit(3 if synced else problems[0][1].exit_code)


@command(
    app,
    "gc",
    examples=[
        ("dml exec gc --dry-run", "List the local files that can be removed."),
        ("dml exec gc 4VP --confirm 4VP", "Discard the outputs of an aborted execution that were never uploaded."),
    ],
)
def gc(
    rids: Rids = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Show what would be removed; remove nothing.")] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    confirm: Annotated[
        str | None,
        Option("--confirm", metavar="RID", help="Discard outputs of this execution that were never uploaded."),
    ] = None,
) -> None:
    """Remove the local files of finished executions whose outputs are all confirmed by the catalog."""
    from dml.catalog.rids import validate_rid
    from dml.cli.app.prompts import confirm as ask
    from dml.cli.app.prompts import confirm_rid
    from dml.execution.gc import collect, find_candidates
    from dml.formatting import format_size

    console = current().console
    with open_for_writing(push=False) as session:
        candidates = find_candidates(session, [validate_rid(rid) for rid in rids] if rids else None)
        kept = [candidate for candidate in candidates if candidate.discards and not rids]
        chosen = [candidate for candidate in candidates if candidate not in kept]
        removed: list[dict[str, object]] = []
        if not dry_run and chosen:
            for candidate in chosen:
                if candidate.discards:
                    confirm_rid(_losses(candidate), candidate.rid, given=confirm)
            if not all(candidate.discards for candidate in chosen):
                ask(f"Remove the local files of {', '.join(candidate.rid for candidate in chosen)}?", yes=yes)
            removed = [{"rid": candidate.rid, "bytes": collect(session, candidate)} for candidate in chosen]
        if not dry_run:
            push_others(session)

    def render() -> None:
        for candidate in chosen:
            lost = f", {candidate.discards} outputs never uploaded" if candidate.discards else ""
            console.print(f"{candidate.rid} {candidate.status}: {format_size(candidate.bytes)}{lost}")
        for candidate in kept:
            console.print(f"{candidate.rid} {candidate.status}: kept. {_losses(candidate)}")
            console.print(f"  To discard them: dml exec gc {candidate.rid} --confirm {candidate.rid}")
        if not chosen:
            console.print("nothing to do")
        elif dry_run:
            console.print("Nothing was removed.")

    payload = {
        "candidates": [_candidate(candidate) for candidate in chosen],
        "kept": [_candidate(candidate) for candidate in kept],
        "removed": removed,
    }
    console.emit("exec.gc", payload, render)


def _losses(candidate: Candidate) -> str:
    """What would be lost, as a sentence."""
    if not candidate.unrecorded:
        return f"{candidate.rid} has {candidate.discards} outputs that were never uploaded."
    staged = candidate.discards - len(candidate.unrecorded)
    outputs = f" and {staged} staged outputs" if staged else ""
    more = f" and {len(candidate.unrecorded) - 1} more" if len(candidate.unrecorded) > 1 else ""
    return f"{safe(candidate.unrecorded[0])}{more}{outputs} were never uploaded."


def _candidate(candidate: Candidate) -> dict[str, object]:
    return {
        "rid": candidate.rid,
        "status": candidate.status,
        "bytes": candidate.bytes,
        "never_uploaded": candidate.discards,
        "unrecorded": list(candidate.unrecorded),
    }
