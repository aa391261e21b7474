"""Uploads: every commit of this workspace, in whatever process, down to the piece of a file that is on its way."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from dml.safe_text import safe
from dml.tui.action_targets import ActionTarget
from dml.tui.actions import UPLOADS
from dml.tui.screens.dashboard_screen import DashboardScreen
from dml.tui.upload_views import COLUMNS, UploadLine, cells_of, lines_of, numbers_of
from dml.tui.widgets.row_list import RowList


class UploadsScreen(DashboardScreen):
    """The screen."""

    name_in_table = UPLOADS
    title_shown = "Uploads"

    def compose_body(self) -> ComposeResult:
        """The list, and what there is to say about the commit under the cursor."""
        yield RowList(COLUMNS, _key, cells_of, first=_rid, empty="No uploads.", id="uploads")
        yield Static(id="upload-notes", markup=False)

    @property
    def rows(self) -> RowList[UploadLine]:
        """The list."""
        return self.query_one("#uploads", RowList)

    def on_mount(self) -> None:
        """The keys work in the list."""
        self.rows.focus()

    def show_state(self) -> None:
        """Show the commits."""
        self.rows.show(lines_of(self.dashboard.local.commits))
        self.settled()

    def subjects(self) -> Sequence[ActionTarget]:
        """The commit under the cursor, also from one of its files."""
        line = self._line()
        return [self.dashboard.subject(line.commit.rid)] if line is not None else []

    def focus_body(self) -> None:
        """The list takes the keys."""
        self.rows.focus()

    def show_command(self) -> None:
        """What one would type to go on."""
        line = self._line()
        super().show_command()
        if line is not None and line.commit.holder is not None:
            self.say_command(f"dml exec log {line.commit.rid} --follow")

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        """Say what there is to say about another one."""
        event.stop()
        self.settle()

    def _line(self) -> UploadLine | None:
        rows = self.rows
        place = rows.place_of(rows.cursor) if rows.cursor is not None else None
        return rows.rows[place] if place is not None else None

    def settled(self) -> None:
        """Say what there is to say about the line under the cursor."""
        line = self._line()
        self.query_one("#upload-notes", Static).update(Text("\n").join(_notes(line)) if line else "")
        super().settled()


def _notes(line: UploadLine) -> list[Text]:
    commit, file = line
    notes = [Text(safe(numbers_of(line)))]
    if commit.holder is None:
        notes += [Text("No process is uploading it; commit resumes where it stopped.")]
    else:
        who = f"pid {commit.holder.pid} on {commit.holder.host}, {commit.holder.command or 'a process'}"
        away = "" if commit.reachable else " (on another machine: it cannot be paused from here)"
        notes += [Text(safe(f"{who}{away}"))]
    if file is not None and file.error:
        notes.append(Text(f"✖ {safe(file.error)}", style="red"))
    elif commit.error:
        notes.append(Text(f"last error: {safe(commit.error)}", style="yellow"))
    if commit.note:
        notes.append(Text(safe(commit.note)))
    return notes


def _key(line: UploadLine) -> str:
    return line.key


def _rid(line: UploadLine) -> str:
    return line.commit.rid if line.file is None else ""
