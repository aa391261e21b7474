"""One execution closely: inputs, outputs, what is staged, the end of its journal and of its program's log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

from dml.formatting import UNKNOWN, format_duration, format_relative_time, format_size, pluralize
from dml.safe_text import safe
from dml.tui.execution_views import length_of, status_of
from dml.tui.state import Details, Remote

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from dml.execution.local_list import ExecutionDetails
    from dml.workspace.assets import AssetRow

FILES_SHOWN = 12
_WORDS = {"good": "green", "bad": "red", "warn": "yellow", "dim": "dim", "accent": "cyan", "": ""}


class DetailPane(VerticalScroll):
    """The pane; ``show`` fills it."""

    _height: int | None = None

    def compose(self) -> ComposeResult:
        """One text that scrolls."""
        yield Static(id="details-text", markup=False)

    def show(self, details: Details | None, remote: Remote, now: datetime) -> None:
        """Show an execution, or that none is selected."""
        text = Text("Nothing is selected.", style="dim")
        self.border_title = ""
        if details is not None:
            self.border_title = safe(details.rid)
            text = (
                Text("This workspace does not know it.")
                if details.found is None
                else Text("\n").join(_lines(details, details.found, remote, now))
            )
        lines = text.plain.split("\n")
        # A new layout of the screen is slow; it is due only when the text takes another height.
        height = None if any(cell_len(line) >= self.size.width - 3 for line in lines) else len(lines)
        same = height is not None and height == self._height
        self._height = height
        self.query_one("#details-text", Static).update(text, layout=not same)


def _lines(details: Details, found: ExecutionDetails, remote: Remote, now: datetime) -> Iterable[Text]:
    yield _head(found, now)
    row = found.summary.row
    if row.description:
        yield Text(safe(row.description))
    for label, message in (("error", row.error), ("reason", row.reason), ("progress", row.status_detail)):
        if message:
            yield _labelled(label, Text(safe(message), style="red" if label == "error" else ""))
    yield from _about_process(found)
    yield from _about_catalog(found, remote)
    inputs = [f"{one.rid}@{one.version}" if one.version else one.rid for one in found.inputs]
    yield _labelled("inputs", Text(safe(", ".join(inputs)) if inputs else "none recorded"))
    yield from _about_outputs(found)
    if found.features:
        waiting = found.summary.pending.features
        yield _labelled("features", Text(f"{pluralize(len(found.features), 'row')}, {waiting} waiting"))
    for number, entry in enumerate(reversed(found.journal)):
        at = f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}" if entry.at else UNKNOWN
        line = Text(f"{at}  {safe(entry.kind)}  {safe(entry.message)}", style="red" if entry.kind == "error" else "")
        yield _labelled("" if number else "journal", line)
    for number, line_of_log in enumerate(details.log):
        yield _labelled("" if number else "log", Text(safe(line_of_log)))
    if found.summary.next_command:
        yield _labelled("next", Text(found.summary.next_command, style="bold"))


def _head(found: ExecutionDetails, now: datetime) -> Text:
    summary = found.summary
    status = status_of(summary)
    workflow = found.configuration.get("workflow")
    version = workflow.get("version") if isinstance(workflow, dict) else None
    head = Text(safe(summary.workflow_name or summary.row.workflow_rid or "no workflow"), style="bold")
    head.append(f" {safe(version)}" if version else "")
    head.append(" · ")
    head.append(status.text, _WORDS[status.kind])
    if summary.row.start_time is not None:
        head.append(f" · started {format_relative_time(summary.row.start_time, now)}")
    seconds = length_of(summary, now)
    head.append(f" · took {format_duration(seconds)}" if seconds else "")
    head.append(" · uncommitted changes" if summary.row.dirty else "", "yellow")
    return head


def _about_process(found: ExecutionDetails) -> Iterable[Text]:
    alive = found.summary.liveness
    if found.summary.life and alive is not None:
        beat = f", heartbeat {alive.heartbeat_at.astimezone():%H:%M:%S}" if alive.heartbeat_at else ""
        process = alive.process
        text = f"{alive.state}: {process.command or 'process'} (pid {process.pid} on {process.host}){beat}"
        yield _labelled("process", Text(safe(text), style="red" if alive.state == "dead" else ""))


def _about_catalog(found: ExecutionDetails, remote: Remote) -> Iterable[Text]:
    row = found.summary.row
    if row.rid not in remote.statuses:
        return
    there = remote.statuses[row.rid]
    text = Text(safe(there) if there else "no status", style="dim" if remote.is_lost else "")
    if remote.lost_since is not None:
        if remote.polled_at is not None:
            text.append(f" (as of {remote.polled_at.astimezone():%H:%M}, no answer since)")
        text.append(f" {safe(remote.problem, limit=200)}")
    elif there != row.status:
        text.append(" differs; status not synced to the catalog" if row.sync_pending else " differs", "yellow")
    yield _labelled("catalog", text)


def _about_outputs(found: ExecutionDetails) -> Iterable[Text]:
    staged = [one for one in found.assets if one.status != "uploaded"]
    uploaded = [one for one in found.assets if one.status == "uploaded"]
    for label, rows in (("staged", staged), ("outputs", uploaded)):
        for number, row in enumerate(rows[:FILES_SHOWN]):
            yield _labelled("" if number else label, _file(row))
        if len(rows) > FILES_SHOWN:
            yield _labelled("", Text(f"and {len(rows) - FILES_SHOWN:,} more", style="dim"))


def _file(row: AssetRow) -> Text:
    size = format_size(row.identity.size) if row.identity else UNKNOWN
    text = Text(f"{safe(row.key)}  {size}")
    if row.status == "uploaded":
        text.append(f"  {safe(row.rid)}")
    elif row.error:
        text.append(f"  ✖ {safe(row.error)}", "red")
    return text


def _labelled(label: str, text: Text) -> Text:
    return Text.assemble((f"{label:<9}", "dim"), text)
