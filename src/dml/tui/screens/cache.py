"""The cache: dataset versions and assets on this machine, what is missing, what may go; read only while it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from dml.errors import DmlError
from dml.formatting import format_size, pluralize
from dml.safe_text import safe
from dml.tui.action_targets import ActionTarget
from dml.tui.actions import CACHE
from dml.tui.cache_views import COLUMNS, cells_of, ordered
from dml.tui.screens.dashboard_screen import DashboardScreen
from dml.tui.widgets.row_list import RowCell, RowList

if TYPE_CHECKING:
    from dml.cache.entries import CacheEntry
    from dml.tui.live_cache_reader import CacheState

LOOK = 1.0
"""Seconds between two looks at the cache's index while the screen shows."""


class CacheScreen(DashboardScreen):
    """The screen."""

    name_in_table = CACHE
    title_shown = "Cache"

    def __init__(self) -> None:
        super().__init__()
        self._largest = 0

    def compose_body(self) -> ComposeResult:
        """How full it is, and the entries."""
        yield Static("Reading …", id="cache-summary", markup=False)
        yield RowList(
            COLUMNS, _key, self._cells, first=_name, empty="Nothing is cached: dml cache warm RID", id="cache"
        )

    @property
    def rows(self) -> RowList[CacheEntry]:
        """The list."""
        return self.query_one("#cache", RowList)

    def on_mount(self) -> None:
        """The keys work in the list; the cache is read while it shows."""
        self.rows.focus()
        self.set_interval(LOOK, self._look)

    def show_state(self) -> None:
        """Read the cache again; what the workspace says does not show here."""
        self._look()

    def subjects(self) -> Sequence[ActionTarget]:
        """Everything marked, else the entry under the cursor."""
        rows = self.rows
        keys = rows.marked or ({rows.cursor} if rows.cursor is not None else set())
        return [ActionTarget(row.rid or row.name, cached=row) for row in rows.rows if _key(row) in keys]

    def focus_body(self) -> None:
        """The list takes the keys."""
        self.rows.focus()

    def show_command(self) -> None:
        """What fetches the rest, or shows the entry."""
        chosen = self.subjects()
        item = chosen[0].cached if chosen else None
        verb = "warm" if item is not None and item.missing else "list"
        self.say_command(f"dml cache {verb} {safe(item.name)}" if item is not None else "")

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        """Other actions may apply to another entry."""
        event.stop()
        self.settle()

    def _look(self) -> None:
        if self.is_current:
            self.run_worker(self._read, thread=True, exclusive=True, group="cache", exit_on_error=False)

    def _read(self) -> None:
        try:
            state = self.dashboard.cache.read()
        except DmlError as error:
            self.app.call_from_thread(self._say, Text(safe(error.message, limit=400), style="red"))
        except Exception as error:
            self.app.call_from_thread(self.dashboard.crashed, error, self.title_shown)
        else:
            if state is not None:
                self.app.call_from_thread(self.dashboard.guarded, lambda: self._show(state), self.title_shown)

    def _show(self, state: CacheState) -> None:
        self._largest = max((item.bytes or 0 for item in state.items), default=0)
        self.rows.show(ordered(state.items))
        self._say(Text(summary_of(state)))
        self.settled()

    def _say(self, text: Text) -> None:
        self.query_one("#cache-summary", Static).update(text)

    def _cells(self, item: CacheEntry) -> Sequence[RowCell]:
        return cells_of(item, self._largest, self.dashboard.now())


def summary_of(state: CacheState) -> str:
    """``3 entries, 38 GiB, 1.1 GiB missing · 41 GiB free``."""
    missing = sum(item.missing_bytes or 0 for item in state.items)
    lacking = f", {format_size(missing)} missing" if missing else ""
    free = f" · {format_size(state.free)} free" if state.free is not None else ""
    return f"{pluralize(len(state.items), 'entry', 'entries')}, {format_size(state.bytes)}{lacking}{free}"


def _key(item: CacheEntry) -> str:
    return f"{item.kind} {item.name} {item.key}"


def _name(item: CacheEntry) -> str:
    return safe(item.name)
