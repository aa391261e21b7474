"""The dashboard with 10,000 executions and 1,000 bags: first paint and key presses, beside an equal bare DataTable.

The bare application holds the same rows, columns and texts in Textual's DataTable and nothing else. Both are driven
without a terminal; medians of several rounds in turn are compared. Bound: 1.5.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import DataTable

from dml.cache.entries import CacheEntry
from dml.execution.local_list import LocalExecution
from dml.tui.cache_views import COLUMNS as CACHE_COLUMNS
from dml.tui.cache_views import cells_of as cache_cells
from dml.tui.execution_views import COLUMNS, cells_of

TITLE = "the dashboard beside an equal bare DataTable"

EXECUTIONS, BAGS, ROUNDS, PRESSES = 10_000, 1_000, 3, 30
BOUND = 1.5

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


class Bare(App[None]):
    """A DataTable and nothing else."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self._columns = columns
        self._rows = rows

    def compose(self) -> ComposeResult:
        """The table."""
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        """Fill it."""
        table = self.query_one(DataTable)
        table.add_columns(*self._columns)
        table.add_rows(self._rows)
        table.focus()


async def _timed(make: Callable[[], App[None]], open_keys: Sequence[str]) -> tuple[float, float]:
    """Seconds until the first paint, and seconds a key press."""
    began = perf_counter()
    app = make()
    async with app.run_test(size=(120, 40)) as pilot:
        for key in open_keys:
            await pilot.press(key)
        await pilot.pause()
        painted = perf_counter() - began
        began = perf_counter()
        for _ in range(PRESSES):
            await pilot.press("down")
        return painted, (perf_counter() - began) / PRESSES


def _summaries() -> tuple[LocalExecution, ...]:
    from tui.journey import summary

    statuses = ("Uploaded", "Stopped", "Failed", "Aborted", "Created")
    return tuple(
        summary(f"1-{number:05X}", statuses[number % 5], workflow=f"Train {number % 40}", hours=number / 10)
        for number in range(EXECUTIONS)
    )


def _bags() -> list[CacheEntry]:
    from dml.cache.entries import EntryKind
    from dml.cache.tiers import Tier

    return [
        CacheEntry(
            EntryKind.BAG, f"1-{n:04X}@1.0.0", Path("/c"), rid=f"1-{n:04X}", key=str(n), tier=Tier.MATERIALIZED, bytes=n
        )
        for n in range(BAGS)
    ]


def run() -> Iterator[str]:
    """Measure and compare."""
    from tui.journey import NOW, dashboard

    executions, bags = _summaries(), _bags()

    def whole() -> App[None]:
        return dashboard(executions)[0]

    def with_bags() -> App[None]:
        app = dashboard([])[0]
        cache: Any = app.cache
        cache.put(*bags)
        return app

    lines = [[cell.text for cell in cells_of(one, NOW)] for one in executions]
    entries = [[cell.text for cell in cache_cells(one, BAGS, NOW)] for one in bags]
    pairs = (
        (f"{EXECUTIONS:,} executions", whole, (), [column.title for column in COLUMNS], lines),
        (f"{BAGS:,} bags", with_bags, ("3",), [column.title for column in CACHE_COLUMNS], entries),
    )
    for name, ours, keys, columns, rows in pairs:
        measured: dict[str, list[tuple[float, float]]] = {"ours": [], "bare": []}
        for _ in range(ROUNDS):
            measured["ours"].append(asyncio.run(_timed(ours, keys)))
            measured["bare"].append(asyncio.run(_timed(lambda c=columns, r=rows: Bare(c, r), ())))  # type: ignore[misc]
        for place, what in enumerate(("first paint", "a key press")):
            one, other = (median(times[place] for times in measured[who]) for who in ("ours", "bare"))
            verdict = "within" if one / other <= BOUND else "BEYOND"
            yield (
                f"{name}, {what}: {one * 1000:7.1f} ms, bare DataTable {other * 1000:7.1f} ms,"
                f" ratio {one / other:.2f}, {verdict} {BOUND}"
            )
