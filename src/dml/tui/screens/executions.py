"""The executions of the workspace: a list that follows what happens, and one of them closely below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from dml.execution.local_list import LocalExecution
from dml.tui.action_targets import ActionTarget
from dml.tui.actions import EXECUTIONS
from dml.tui.execution_views import COLUMNS, ORDERS, TABS, arranged, cells_of
from dml.tui.screens.dashboard_screen import DashboardScreen
from dml.tui.widgets.choices import Choices
from dml.tui.widgets.detail_pane import DetailPane
from dml.tui.widgets.row_list import RowCell, RowList


class ExecutionsScreen(DashboardScreen):
    """The screen."""

    name_in_table = EXECUTIONS
    title_shown = "Executions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_square_bracket", "tab(1)", "Next tab", show=False),
        Binding("left_square_bracket", "tab(-1)", "Previous tab", show=False),
        Binding("enter", "zoom", "Details", show=False),
        Binding("escape", "back", "Back", show=False),
        *(Binding(order.key, f"order('{order.name}')", f"By {order.name}", show=False) for order in ORDERS),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.tab = TABS[-1]
        self.order = ORDERS[0]
        self.words = ""
        self._by_rid: dict[str, LocalExecution] = {}

    def compose_body(self) -> ComposeResult:
        """Tabs, list, details."""
        yield Choices(id="tabs")
        yield RowList(COLUMNS, _rid, self._cells, empty="Reading …", id="executions")
        yield DetailPane(id="details")

    @property
    def rows(self) -> RowList[LocalExecution]:
        """The list."""
        return self.query_one("#executions", RowList)

    def on_mount(self) -> None:
        """The keys work in the list."""
        self.rows.focus()

    def show_state(self) -> None:
        """Show the executions; also called when tab, order or filter change."""
        local = self.dashboard.local
        self._by_rid = {one.rid: one for one in local.executions}
        counts = {tab.name: sum(1 for one in local.executions if tab.holds(one)) for tab in TABS}
        shown = [(name, f"{name} {number:,}") for name, number in counts.items() if number or name != "dead"]
        by = f"by {self.order.name}" + (f", with '{self.words}'" if self.words else "")
        self.query_one("#tabs", Choices).show(shown, self.tab.name, by)
        rows = self.rows
        rows.empty_text = self._why_empty() if local.loaded else local.problem or "Reading …"
        rows.show(arranged(local.executions, self.tab, self.order, self.words))
        self.settled()

    def show_details(self) -> None:
        """Show the execution under the cursor closely, if it has been read."""
        details = self.dashboard.details
        fits = details is not None and details.rid == self.rows.cursor
        pane = self.query_one(DetailPane)
        if fits or self.rows.cursor is None:
            pane.show(details if fits else None, self.dashboard.remote, self.dashboard.now())

    def subjects(self) -> Sequence[ActionTarget]:
        """Everything marked, else the execution under the cursor."""
        rows = self.rows
        rids = [row.rid for row in rows.rows if row.rid in rows.marked] if rows.marked else [rows.cursor]
        found = [self.dashboard.subject(rid) for rid in rids if rid is not None]
        return [one for one in found if one.summary is not None]

    def select(self, rid: str) -> bool:
        """Put the cursor on an execution, leaving tab and filter if they hide it; False when it is not known."""
        if rid not in self._by_rid:
            return False
        if not self.rows.move_to(rid):
            self.tab, self.words = TABS[-1], ""
            self.show_state()
        return self.rows.move_to(rid)

    def typed(self, text: str) -> None:
        """Filter as one types."""
        self.words = text.strip()
        self.show_state()

    def focus_body(self) -> None:
        """The list takes the keys."""
        self.rows.focus()

    def extra_keys(self) -> Sequence[tuple[str, str]]:
        """Keys of this screen that are no actions."""
        orders = ", ".join(f"{order.key} {order.name}" for order in ORDERS)
        return [
            ("[ ]", "Previous tab, next tab."),
            ("enter", "Toggle full-screen details."),
            ("capital", f"Sort: {orders}."),
        ]

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        """Show the details of another execution."""
        event.stop()
        self.settle()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Enter and a double click show it closely."""
        event.stop()
        self.action_zoom()

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        """A tab was clicked."""
        super().on_choices_chosen(event)
        if event.choices.id == "tabs":
            self._take_tab(event.name)

    def action_tab(self, step: int) -> None:
        """Go to the next tab that is shown."""
        names = [name for name, _ in self.query_one("#tabs", Choices)._words]
        place = names.index(self.tab.name) if self.tab.name in names else 0
        self._take_tab(names[(place + step) % len(names)])

    def action_order(self, name: str) -> None:
        """Sort."""
        self.order = next(order for order in ORDERS if order.name == name)
        self.show_state()

    def action_zoom(self) -> None:
        """Show the details over the whole screen, or the list again."""
        self.toggle_class("zoomed")
        (self.query_one(DetailPane) if self.has_class("zoomed") else self.rows).focus()

    def action_back(self) -> None:
        """Undo, one at a time: the details, the marks, the filter."""
        if self.has_class("zoomed"):
            self.action_zoom()
        elif self.rows.marked:
            self.rows.marked.clear()
            self.rows.refresh()
            self.offer_actions()
        elif self.words:
            self.typed("")

    def _take_tab(self, name: str) -> None:
        self.tab = next(tab for tab in TABS if tab.name == name)
        self.show_state()

    def settled(self) -> None:
        """Show the details of the execution under the cursor."""
        self.dashboard.look_at(self.rows.cursor)
        self.dashboard.guarded(self.show_details, "details")
        super().settled()

    def _why_empty(self) -> str:
        if self._by_rid:
            return "No matching executions."
        return "No executions here yet: dml demo, or dml exec create --help"

    def _cells(self, one: LocalExecution) -> Sequence[RowCell]:
        return cells_of(one, self.dashboard.now())


def _rid(one: LocalExecution) -> str:
    return one.rid
