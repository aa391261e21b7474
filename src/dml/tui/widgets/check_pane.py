"""The checks of one experiment, in their groups, as they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

from dml.safe_text import safe
from dml.tui.check_views import grid_of
from dml.tui.live_project_reader import CheckState

if TYPE_CHECKING:
    from textual.app import ComposeResult


class CheckPane(VerticalScroll):
    """The pane; ``show`` fills it."""

    def compose(self) -> ComposeResult:
        """One text that scrolls."""
        yield Static(id="checks-text", markup=False)

    def show(self, one: CheckState | None) -> None:
        """Show the checks of an experiment, or what to press."""
        self.border_title = safe(one.experiment.name) if one is not None else ""
        text = self.query_one("#checks-text", Static)
        if one is None:
            text.update("")
        elif one.is_running or one.report is not None or one.problem:
            text.update(grid_of(one))
        else:
            text.update(Text("Not checked yet: enter checks it, without writing anything.", style="dim"))
