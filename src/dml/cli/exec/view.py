"""Executions on a terminal: the list, the details, the journal and the commit report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dml.cli.app.formatting import liveness_cell, status_cell
from dml.cli.app.output import Cell, Column, Console
from dml.formatting import UNKNOWN, format_relative_time, format_size, pluralize

if TYPE_CHECKING:
    from dml.execution.local_list import ExecutionDetails, LocalExecution
    from dml.execution.upload_progress import UploadUnderWay
    from dml.upload.report import UploadReport
    from dml.workspace.assets import AssetRow
    from dml.workspace.inputs import InputRecord
    from dml.workspace.journal import JournalEntry

_SHOWN_FILES = 12

_LIST = (
    Column("RID", whole=True),
    Column("status", whole=True),
    Column("workflow"),
    Column("inputs", right=True),
    Column("outputs"),
    Column("last active"),
    Column("description"),
)


def print_list(console: Console, summaries: Sequence[LocalExecution]) -> None:
    """Print the list, or a message when it is empty."""
    if not summaries:
        console.say("no executions   dml exec create --help")
        return
    console.table(_LIST, [_line(summary) for summary in summaries])


def print_details(console: Console, details: ExecutionDetails, links: Sequence[tuple[str, object]]) -> None:
    """Print the details of an execution; ``links`` are further rows of the facts."""
    summary = details.summary
    row = summary.row
    facts: list[tuple[str, object]] = [("status", _status(summary))]
    if row.sync_pending:
        facts.append(("", Cell("status not synced to the catalog   dml exec sync", "yellow")))
    if summary.liveness is not None and summary.life:
        facts.append(("process", summary.liveness.reason))
    if details.upload is not None:
        facts += _upload(details.upload)
    facts += [
        ("workflow", _workflow(details)),
        ("description", row.description or UNKNOWN),
        ("created", format_relative_time(row.created_at)),
        ("duration", row.duration or UNKNOWN),
    ]
    facts += [(name, text) for name, text in (("detail", row.status_detail), ("reason", row.reason)) if text]
    if row.error:
        facts.append(("error", Cell(row.error, "red")))
    if row.dirty:
        facts.append(("code", Cell("uncommitted changes", "yellow")))
    facts += [("directory", details.directory), *links]
    console.print(Cell(row.rid, "bold"))
    console.table([Column("", whole=True), Column("")], facts)
    _print_inputs(console, details.inputs)
    _print_outputs(console, details)
    print_entries(console, details.journal)
    if summary.next_command:
        console.print(Cell("next  "), Cell(summary.next_command, "bold"))


def print_entries(console: Console, entries: Iterable[JournalEntry]) -> None:
    """Print journal entries, one per line."""
    for entry in entries:
        at = UNKNOWN if entry.at is None else entry.at.strftime("%Y-%m-%d %H:%M:%S")
        console.print(f"{at}  {entry.kind:<10}  {entry.message}")


def print_report(console: Console, report: UploadReport, statuses: Sequence[str], seconds: float) -> None:
    """Print what a commit did, with a warning for each error."""
    from dml.formatting import format_duration

    if report.nothing_done:
        console.print(f"{', '.join(report.execution_rids) or 'No execution'}: nothing to do")
        return
    new = report.total_uploaded - report.shared
    parts = [
        f"{pluralize(new, 'file')} new",
        f"{report.shared} shared",
        pluralize(report.features, "feature row"),
    ]
    sent = f"{format_size(report.bytes_sent)} in {format_duration(seconds)}"
    console.print(f"{', '.join(statuses)}: {', '.join(parts)}, {sent}.")
    for error in report.errors:
        console.warn(error)


def _line(summary: LocalExecution) -> list[object]:
    row = summary.row
    remark = Cell(summary.remark, "red" if row.error else "")
    return [
        row.rid,
        _status(summary),
        summary.workflow_name or row.workflow_rid or UNKNOWN,
        summary.input_count,
        _outputs(summary),
        format_relative_time(row.last_activity),
        remark,
    ]


def _status(summary: LocalExecution) -> Cell:
    return (
        liveness_cell(summary.status, summary.life)
        if summary.life in ("dead", "elsewhere")
        else status_cell(summary.status)
    )


def _outputs(summary: LocalExecution) -> str:
    parts = [str(summary.uploaded)] if summary.uploaded or not summary.pending else []
    if summary.pending.files:
        parts.append(f"{summary.pending.files} pending")
    if summary.pending.features:
        parts.append(pluralize(summary.pending.features, "feature row"))
    return ", ".join(parts)


def _upload(upload: UploadUnderWay) -> list[tuple[str, object]]:
    by = f" by {upload.holder.describe()}" if upload.holder is not None else ""
    sent = f"{upload.files_sent} of {pluralize(len(upload.files), 'file')} sent"
    moved = f"{format_size(upload.bytes_sent)} of {format_size(upload.bytes_total)}"
    facts: list[tuple[str, object]] = [("upload", f"{sent}, {moved},{by or ' now'}")]
    if upload.repeats:
        retried = f"{pluralize(upload.repeats, 'request')} retried"
        facts.append(("", Cell(f"{retried}; {upload.note}" if upload.note else retried, "yellow")))
    return facts


def _workflow(details: ExecutionDetails) -> str:
    workflow = details.configuration.get("workflow")
    url = workflow.get("url") if isinstance(workflow, dict) else None
    parts = [details.summary.workflow_name, details.summary.row.workflow_rid, url]
    return "  ".join(str(part) for part in parts if part) or UNKNOWN


def _print_inputs(console: Console, inputs: Sequence[InputRecord]) -> None:
    if not inputs:
        return
    console.print(Cell("inputs", "bold"))
    rows = [
        (
            record.kind,
            f"{record.rid}@{record.version}" if record.version else record.rid,
            record.state,
            record.path or "",
        )
        for record in inputs
    ]
    console.table([Column("", whole=True), Column("", whole=True), Column(""), Column("")], rows)


def _print_outputs(console: Console, details: ExecutionDetails) -> None:
    pending = details.summary.pending
    if details.assets:
        waiting = f"  {pending.files} pending, {format_size(pending.bytes)}" if pending.files else ""
        console.print(Cell("outputs", "bold"), Cell(waiting))
        columns = [Column(""), Column(""), Column("", whole=True, right=True), Column("", whole=True)]
        console.table(columns, [_output(row) for row in details.assets[:_SHOWN_FILES]])
        if len(details.assets) > _SHOWN_FILES:
            console.print(f"  and {len(details.assets) - _SHOWN_FILES} more; all with --json")
    if details.unrecorded:
        _print_unrecorded(console, details)
    if details.features:
        console.print(Cell("features", "bold"), f"  {len(details.features)}, {pending.features} pending")


def _print_unrecorded(console: Console, details: ExecutionDetails) -> None:
    """The files in the directory that no record knows, and what to do about them."""
    rid = details.summary.rid
    console.print(Cell("not recorded", "bold"), f"  {pluralize(len(details.unrecorded), 'file')} in its directory")
    for path in details.unrecorded[:_SHOWN_FILES]:
        console.print(f"  {path}")
    if len(details.unrecorded) > _SHOWN_FILES:
        console.print(f"  and {len(details.unrecorded) - _SHOWN_FILES} more; all with --json")
    console.print(f"  Outputs among them are staged by `dml exec resume {rid}`; stage or remove the others.")


def _output(row: AssetRow) -> tuple[object, ...]:
    size = format_size(row.identity.size) if row.identity else UNKNOWN
    outcome = row.rid if row.status == "uploaded" else row.error or row.status
    return row.key, ", ".join(row.asset_types), size, outcome
