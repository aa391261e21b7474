"""A long list with a cursor, of which only the visible lines are ever made into text.

Ten thousand rows cost what forty do: a row is turned into cells when its line is drawn. Text is drawn as text, never as
markup. A row is known by its key, so the cursor and the marks stay with it when rows come, go or change places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

Item = TypeVar("Item")

GAP = 2
MARK = "▌"


class RowCell(NamedTuple):
    """Text of one column of one row; ``kind`` names a colour: ``good``, ``bad``, ``warn``, ``dim``, ``accent``."""

    text: str
    kind: str = ""


class RowColumn(NamedTuple):
    """A column.

    Attributes:
        title: Its heading.
        width: Characters; 0 takes a share of what is left.
        rank: Columns of a higher rank are left out first when the terminal is narrow; rank 0 never is.
        right: Aligned to the right.
        least: Characters that a column with a share gets at least, before others are left out.
        most: Characters that it gets at most, and a third of what is to share; 0 for a share like any other.
    """

    title: str
    width: int
    rank: int = 0
    right: bool = False
    least: int = 10
    most: int = 0


class RowList(ScrollView, Generic[Item], can_focus=True):
    """The list.

    Args:
        columns: From left to right; the first is never cut (RIDs).
        key: Tells rows apart.
        cells: The cells of a row, one a column.
        first: The text of the first column, where it is not the key.
        empty: Said when there are no rows.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--header",
        "rows--cursor",
        "rows--marked",
        "rows--good",
        "rows--bad",
        "rows--warn",
        "rows--dim",
        "rows--accent",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "end(-1)", "First", show=False),
        Binding("end", "end(1)", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]

    class Highlighted(Message):
        """The cursor is on another row, or on none."""

        def __init__(self, rows: RowList[Any], key: str | None) -> None:
            super().__init__()
            self.rows = rows
            self.key = key

        @property
        def control(self) -> RowList[Any]:
            """The list."""
            return self.rows

    class Chosen(Message):
        """A row was chosen with enter or a double click."""

        def __init__(self, rows: RowList[Any], key: str) -> None:
            super().__init__()
            self.rows = rows
            self.key = key

    class Failed(Message):
        """A row could not be drawn."""

        def __init__(self, rows: RowList[Any], error: Exception) -> None:
            super().__init__()
            self.rows = rows
            self.error = error

    def __init__(
        self,
        columns: Sequence[RowColumn],
        key: Callable[[Item], str],
        cells: Callable[[Item], Sequence[RowCell]],
        *,
        first: Callable[[Item], str] | None = None,
        empty: str = "",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._key = key
        self._cells = cells
        self._first = first or key
        self._rows: Sequence[Item] = ()
        self._places: dict[str, int] = {}
        self._first_width = columns[0].width
        self.empty_text = empty
        self.cursor: str | None = None
        self.marked: set[str] = set()

    @property
    def rows(self) -> Sequence[Item]:
        """What is listed."""
        return self._rows

    def show(self, rows: Sequence[Item]) -> None:
        """List these rows; the cursor stays on its row, or on its place when the row is gone."""
        before = self._places.get(self.cursor, 0) if self.cursor is not None else 0
        self._rows = rows
        self._places = {self._key(row): place for place, row in enumerate(rows)}
        longest = max((len(self._first(row)) for row in rows), default=0)
        self._first_width = max(longest, self._columns[0].width, len(self._columns[0].title))
        self.marked &= self._places.keys()
        self.virtual_size = Size(0, len(rows) + 1)
        if self.cursor not in self._places:
            self._set_cursor(min(before, len(rows) - 1))
        elif self._places[self.cursor] != before:
            self._follow_cursor()
        self.refresh()

    def place_of(self, key: str) -> int | None:
        """Where a row is, from 0."""
        return self._places.get(key)

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        if self.cursor is not None:
            self.marked ^= {self.cursor}
            self.action_move(1)
            self.refresh()

    def move_to(self, key: str) -> bool:
        """Put the cursor on a row; False when it is not listed."""
        place = self._places.get(key)
        if place is not None:
            self._set_cursor(place)
        return place is not None

    def render_line(self, y: int) -> Strip:
        """One line of the visible part; the first is the header, whatever was scrolled."""
        if y == 0:
            header = self.rich_style + self._style("rows--header")
            return self._draw([RowCell(column.title) for column in self._columns], header, "  ")
        place = round(self.scroll_y) + y - 1
        base = self.rich_style
        if place >= len(self._rows):
            text = self.empty_text if place == 0 else ""
            return Strip([Segment(set_cell_size(f"  {text}", self.size.width), base)])
        row = self._rows[place]
        key = self._key(row)
        marked = key in self.marked
        if marked:
            base += self._style("rows--marked")
        if key == self.cursor:
            base += self._style("rows--cursor")
        sign = MARK if key == self.cursor else " "
        sign += "*" if marked else " "
        try:
            return self._draw(self._cells(row), base, sign)
        except Exception as error:  # one row that cannot be drawn must not take the list with it
            self.post_message(self.Failed(self, error))
            text = f"{sign}{self._first(row)}  this line cannot be shown"
            return Strip([Segment(set_cell_size(text, self.size.width), base)])

    def action_move(self, step: int) -> None:
        """Move the cursor."""
        self._set_cursor(self._place() + step)

    def action_page(self, step: int) -> None:
        """Move the cursor by a screenful."""
        self._set_cursor(self._place() + step * max(1, self.size.height - 2))

    def action_end(self, step: int) -> None:
        """Move the cursor to the first or last row."""
        self._set_cursor(0 if step < 0 else len(self._rows) - 1)

    def action_choose(self) -> None:
        """Choose the row under the cursor."""
        if self.cursor is not None:
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where one clicked; a double click chooses."""
        place = round(self.scroll_y) + event.y - 1
        if event.y > 0 and 0 <= place < len(self._rows):
            self._set_cursor(place)
            if event.chain == 2:
                self.action_choose()

    def _place(self) -> int:
        return self._places.get(self.cursor, 0) if self.cursor is not None else 0

    def _set_cursor(self, place: int) -> None:
        place = max(0, min(place, len(self._rows) - 1))
        key = self._key(self._rows[place]) if self._rows else None
        if key == self.cursor:
            return
        before, top = self._places.get(self.cursor or ""), self.scroll_y
        self.cursor = key
        self._follow_cursor()
        if before is None or self.scroll_y != top:
            self.refresh()
        else:  # all other lines stay as they are
            self._refresh_row(before)
            self._refresh_row(place)
        self.post_message(self.Highlighted(self, key))

    def _refresh_row(self, place: int) -> None:
        """Redraw the line of a row where it is in sight; a part above or below asks for nothing."""
        line = place - round(self.scroll_y) + 1
        if 0 < line < self.size.height:
            self.refresh(Region(0, line, self.size.width, 1))

    def _follow_cursor(self) -> None:
        if self.size.height > 1:
            # The line of the header hides the first one of the visible part.
            place = self._place()
            top, height = round(self.scroll_y), self.size.height - 1
            if place < top or place >= top + height:
                wanted = place if place < top else place - height + 1
                self.scroll_to(y=wanted, animate=False, immediate=True)

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._follow_cursor()

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)

    def _draw(self, cells: Sequence[RowCell], base: Style, sign: str) -> Strip:
        segments = [Segment(sign, base)]
        for (column, width), cell in zip(self._layout(), cells, strict=True):
            if width <= 0:
                continue
            text = _fitted(cell.text, width, right=column.right)
            style = base + self._style(f"rows--{cell.kind}") if cell.kind else base
            segments += [Segment(text, style), Segment(" " * GAP, base)]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _layout(self) -> list[tuple[RowColumn, int]]:
        """Each column's width; 0 for those left out."""
        widths = [self._first_width, *(column.width for column in self._columns[1:])]
        kept = [True] * len(widths)
        room = self.size.width - len(MARK) - 1

        def used() -> int:
            columns = zip(widths, kept, self._columns, strict=True)
            return sum((width or column.least) + GAP for width, keep, column in columns if keep)

        for rank in sorted({column.rank for column in self._columns} - {0}, reverse=True):
            if used() <= room:
                break
            kept = [keep and column.rank != rank for keep, column in zip(kept, self._columns, strict=True)]
        rest = room - sum(width + GAP for width, keep in zip(widths, kept, strict=True) if keep)
        sharing = [place for place, width in enumerate(widths) if kept[place] and not width]
        bounded = [place for place in sharing if self._columns[place].most]
        for place in bounded:
            column = self._columns[place]
            widths[place] = max(min(rest // 3, column.most), column.least)
            rest -= widths[place]
        for place in sharing:
            if place not in bounded:
                widths[place] = max(rest // (len(sharing) - len(bounded)), 4)
        return [(column, width if keep else 0) for column, width, keep in zip(self._columns, widths, kept, strict=True)]

    @property
    def visible_region(self) -> Region:
        """The lines that show rows, for tests and for the mouse."""
        return Region(0, 1, self.size.width, max(0, self.size.height - 1))


def _fitted(text: str, width: int, *, right: bool) -> str:
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else set_cell_size(text, width)
    blank = " " * (width - length)
    return blank + text if right else text + blank
