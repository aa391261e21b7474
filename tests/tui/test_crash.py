"""A defect in a part of the dashboard: it is recorded and said, and the rest goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from dml.directories import state_directory
from dml.execution.local_list import LocalExecution
from dml.tui.action_table import ACTIONS
from dml.tui.screens.executions import ExecutionsScreen
from dml.tui.widgets.detail_pane import DetailPane
from dml.tui.widgets.row_list import RowList
from tui.journey import Script, dashboard, some_executions, summary, text_of, use_eager_tasks


def _drive_through(app: App[None], script: Script) -> None:
    async def run() -> None:
        use_eager_tasks()
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            await script(pilot)

    asyncio.run(run())


def _logs() -> list[Path]:
    return sorted((state_directory() / "crashes").glob("*-tui.txt"))


def test_a_part_that_cannot_show_a_snapshot_is_said_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    app, source, _ = dashboard(some_executions())

    def broken(*_: object) -> None:
        raise ValueError("password=hunter2 [/x]")

    monkeypatch.setattr(DetailPane, "show", broken)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.pause()
        assert any("A defect of dml" in one.message for one in app._notifications)
        source.feed(executions=(summary("9ZZ", "Running", life="dead"),))
        await pilot.pause()
        assert "9ZZ" in text_of(app)
        await pilot.press("2", "1")
        assert app.is_running

    _drive_through(app, script)
    assert app.return_code == 0 or app.return_code is None
    assert len(_logs()) == 1
    assert "hunter2" not in _logs()[0].read_text()


def test_a_row_that_cannot_be_drawn_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    app, _, _ = dashboard(some_executions())
    whole = ExecutionsScreen._cells

    def broken(self: ExecutionsScreen, one: LocalExecution) -> object:
        if one.rid == "4VP":
            raise KeyError("no such column")
        return whole(self, one)

    monkeypatch.setattr(ExecutionsScreen, "_cells", broken)

    async def script(pilot: Pilot[None]) -> None:
        text = text_of(app)
        assert "4WT" in text
        assert "this line cannot be shown" in text
        await pilot.press("down", "down", "down")
        assert app.is_running

    _drive_through(app, script)


def test_a_widget_whose_handler_fails_is_taken_off_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    app, source, _ = dashboard(some_executions())

    def broken(self: RowList[object], event: object) -> None:
        raise RuntimeError("broken handler")

    monkeypatch.setattr(RowList, "on_resize", broken, raising=False)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert any("broken handler" in one.message for one in app._notifications)
        await pilot.press("2")
        assert app.current_mode == "uploads"
        await pilot.press("1", *(action.key.partition(",")[0] for action in ACTIONS if action.name != "quit"))
        await pilot.press("escape", "escape", "4", "question_mark", "escape")
        assert app.current_mode == "lineage"
        source.feed(executions=())
        await pilot.pause()
        assert app.is_running

    _drive_through(app, script)
    assert _logs()
