"""Journeys over the screen of executions: what one sees, filters, sorts, marks, opens and does there."""

from __future__ import annotations

import dataclasses

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from dml.errors import ConflictError
from dml.tui.messages import RemoteChanged
from dml.tui.screens.dialogs import Help, Question
from dml.tui.screens.executions import ExecutionsScreen
from dml.tui.state import Local
from dml.workspace.journal import JournalEntry
from dml.workspace.pending import Pending
from tui.journey import NOW, dashboard, details, drive, process, some_executions, summary, text_of, until


def _rids(pilot: Pilot[None]) -> list[str]:
    screen = pilot.app.screen
    assert isinstance(screen, ExecutionsScreen)
    return [one.rid for one in screen.rows.rows]


def test_what_needs_someone_comes_first_with_word_sign_and_size() -> None:
    app, _, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        assert _rids(pilot) == ["4W8", "4WT", "4VP", "5A0", "4R6", "4T2", "4S0"]
        text = text_of(app)
        for part in ("✖ dead", "◌ Stopped", "● Running", "✖ Failed", "2 files 1.2 GiB", "2 files 5.0 KiB"):
            assert part in text
        assert "pending 2 · running 1 · dead 1 · failed 1 · [all 7]" in text
        assert "data.example.org/7" in text
        assert "polled 3 s ago" in text
        assert "dml exec resume 4W8 --commit" in text

    drive(app, script)


def test_tabs_by_key_and_by_mouse() -> None:
    app, _, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("right_square_bracket")
        assert _rids(pilot) == ["4WT", "4VP"]
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert _rids(pilot) == ["4WT"]
        line = text_of(app).splitlines()[2]
        await pilot.click("#tabs", offset=(line.index("dead"), 0))
        await pilot.pause()
        assert _rids(pilot) == ["4W8"]
        assert "[dead 1]" in text_of(app)

    drive(app, script)


def test_filter_as_you_type_and_escape_takes_it_away() -> None:
    app, _, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"train")
        await pilot.pause()
        assert "5A0" not in _rids(pilot)
        await pilot.press("space", *"bad")
        await pilot.pause()
        assert _rids(pilot) == ["4WT"]
        await pilot.press("enter")
        await pilot.pause()
        assert "with 'train bad'" in text_of(app)
        await pilot.press("escape")
        await pilot.pause()
        assert len(_rids(pilot)) == 7
        await pilot.press("slash", *"xyz")
        await pilot.pause()
        assert "No matching executions." in text_of(app)
        await pilot.press("escape")
        await pilot.pause()
        assert len(_rids(pilot)) == 7

    drive(app, script)


@pytest.mark.parametrize(
    ("key", "first"), [("R", "4R6"), ("S", "4S0"), ("W", "5A0"), ("A", "5A0"), ("D", "4T2"), ("P", "4W8"), ("N", "4W8")]
)
def test_a_capital_letter_sorts(key: str, first: str) -> None:
    app, _, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("A", key)
        await pilot.pause()
        assert _rids(pilot)[0] == first

    drive(app, script)


def test_the_cursor_stays_with_its_execution_when_the_list_changes() -> None:
    executions = some_executions()
    app, source, _ = dashboard(executions)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("down", "down")
        await until(pilot, lambda: source.looked_at[-1] == "4VP", "it is looked at")
        changed = [dataclasses.replace(one, pending=Pending()) if one.rid == "4WT" else one for one in executions]
        source.feed(executions=(summary("9ZZ", "Running", life="dead"), *changed))
        await pilot.pause()
        assert _rids(pilot)[0] == "9ZZ"
        assert app.screen.rows.cursor == "4VP"  # type: ignore[attr-defined]
        source.feed(executions=tuple(one for one in changed if one.rid != "4VP"))
        await pilot.pause()
        assert app.screen.rows.cursor in _rids(pilot)  # type: ignore[attr-defined]

    drive(app, script)


def test_details_follow_the_cursor_and_fill_the_screen_with_enter() -> None:
    app, source, _ = dashboard(some_executions())
    one = app_summary = some_executions()[3]
    entry = JournalEntry(1, NOW, one.rid, 1, "gpu02", "error", "ValueError: bad batch", {})
    source.details["4WT"] = details(app_summary, journal=(entry,), configuration={"workflow": {"version": "abc1234"}})

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("down")
        await until(pilot, lambda: "Train abc1234" in text_of(app), "its details")
        text = text_of(app)
        assert "Train abc1234 · ✖ Failed" in text
        assert "ValueError: bad batch [/x]" in text
        await pilot.press("enter")
        await pilot.pause()
        text = text_of(app)
        assert "4VP" not in text
        assert "journal" in text
        assert "dml exec commit 4WT" in text
        await pilot.press("escape")
        await pilot.pause()
        assert "4VP" in text_of(app)

    drive(app, script)


def test_an_action_runs_for_the_execution_under_the_cursor_and_shows_its_command() -> None:
    app, source, operations = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("r")
        await until(pilot, lambda: operations.calls, "resume was called")
        assert operations.calls == [("resume", "4W8")]
        await until(pilot, lambda: source.refreshed, "the source was asked again")
        assert "$ dml exec resume 4W8" in text_of(app)

    drive(app, script)


def test_an_action_that_does_not_apply_is_neither_offered_nor_done() -> None:
    app, _, operations = dashboard([summary("4T2", "Uploaded")])

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "remove files" in text_of(app).splitlines()[-1], "what applies is offered")
        footer = text_of(app).splitlines()[-1]
        assert "resume" not in footer
        assert "abort" not in footer
        await pilot.press("r", "a", "c", "s")
        await pilot.pause()
        assert operations.calls == []

    drive(app, script)


def test_giving_up_asks_and_no_is_no() -> None:
    app, _, operations = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("down", "a")
        await pilot.pause()
        assert isinstance(app.screen, Question)
        assert "dml exec abort 4WT" in text_of(app)
        await pilot.press("n")
        await pilot.pause()
        await pilot.press("a")
        await pilot.pause()
        await pilot.press("enter")  # the button that has the focus says no
        await pilot.pause()
        assert operations.calls == []
        await pilot.press("a")
        await pilot.pause()
        await pilot.press("y")
        await until(pilot, lambda: operations.calls, "abort was called")
        assert operations.calls == [("abort", "4WT")]

    drive(app, script)


def test_what_would_lose_outputs_wants_the_rid_typed() -> None:
    app, _, operations = dashboard([summary("4S0", "Aborted", pending=Pending(1, 10))])

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("g")
        await pilot.pause()
        assert isinstance(app.screen, Question)
        await pilot.press("y", "enter")
        await pilot.pause()
        assert isinstance(app.screen, Question)
        app.screen.query_one("#typed", Input).value = "4S0"
        await pilot.press("enter")
        await until(pilot, lambda: operations.calls, "gc was called")
        assert operations.calls == [("collect", "4S0")]

    drive(app, script)


def test_marks_make_an_action_work_on_several() -> None:
    app, _, operations = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("down", "space", "space", "c")
        await until(pilot, lambda: len(operations.calls) == 2, "both were committed")
        assert sorted(operations.calls) == [("commit", "4VP"), ("commit", "4WT")]
        assert "dml exec commit 4WT; dml exec commit 4VP" in text_of(app)
        await pilot.press("escape")
        await pilot.pause()
        assert not app.screen.rows.marked  # type: ignore[attr-defined]

    drive(app, script)


def test_an_error_of_an_action_is_said_and_nothing_ends() -> None:
    app, _, operations = dashboard(some_executions())
    operations.error = ConflictError("4W8 became Failed first", hint="dml exec log 4W8")

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("r")
        await until(
            pilot, lambda: any("became Failed first" in one.message for one in app._notifications), "it is said"
        )
        await pilot.press("down")
        assert app.is_running

    drive(app, script)


def test_copy_open_and_go() -> None:
    opened: list[str] = []
    app, _, _ = dashboard(some_executions(), link=lambda rid: f"https://data.example.org/id/7/{rid}")

    async def script(pilot: Pilot[None]) -> None:
        app.open_url = lambda url, **_: opened.append(url)  # type: ignore[method-assign]
        await pilot.press("y")
        await pilot.pause()
        assert app.clipboard == "4W8"
        await pilot.press("o")
        await pilot.pause()
        assert opened == ["https://data.example.org/id/7/4W8"]
        await pilot.press("right_square_bracket")
        await pilot.press("colon", *"4t2", "enter")
        await pilot.pause()
        await pilot.pause()
        assert app.screen.rows.cursor == "4T2"  # type: ignore[attr-defined]
        await pilot.press("colon", *"9-none", "enter")
        await until(pilot, lambda: "No row 9-NONE" in text_of(app), "it is said")
        await pilot.press("colon", *"upl", "enter")
        await until(pilot, lambda: "No uploads." in text_of(app), "a screen by the beginning of its name")

    drive(app, script)


def test_an_embedded_catalog_has_no_page() -> None:
    app, _, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("o")
        await until(pilot, lambda: any("no web pages" in one.message for one in app._notifications), "it is said")

    drive(app, script)


def test_help_names_every_key_and_its_command() -> None:
    app, _, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, Help)
        text = text_of(app)
        assert "dml exec commit RID" in text
        assert "Sort: N need" in text
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, Help)

    drive(app, script, size=(120, 40))


def test_the_palette_holds_what_applies() -> None:
    app, _, operations = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert {"Resume", "Commit", "Abort", "Help", "Go to Executions"} <= set(titles)
        assert "Stop" not in titles
        await pilot.press("ctrl+p")
        await pilot.press(*"Resume")
        await until(pilot, lambda: "Reconcile the registry" in text_of(app), "the palette found it")
        await pilot.press("enter")
        await pilot.press("enter")
        await until(pilot, lambda: operations.calls == [("resume", "4W8")], "the palette did it")

    drive(app, script, size=(120, 40))


def test_theme_refresh_and_quit() -> None:
    app, source, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        dark = app.theme
        await pilot.press("f2")
        assert app.theme != dark
        await pilot.press("f2")
        assert app.theme == dark
        await pilot.press("f5")
        assert source.refreshed == 1
        await pilot.press("q")

    drive(app, script)
    assert app.return_code == 0
    assert source.stopped


def test_a_lost_server_is_said_with_the_time_and_greys_what_it_knew() -> None:
    executions = some_executions()
    app, source, _ = dashboard(executions)

    async def script(pilot: Pilot[None]) -> None:
        lost = dataclasses.replace(source.remote, lost_since=NOW, problem="connection refused")
        source.post(RemoteChanged(lost))
        await pilot.pause()
        text = text_of(app)
        assert f"no answer since {NOW.astimezone():%H:%M}" in text
        assert "no answer since) connection refused" in text
        assert "4W8" in text
        assert f"no answer since {NOW.astimezone():%H:%M} (connection refused)" in text
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "(connection refused)" not in text_of(app), "a narrow bar has no room for it")
        assert "no answer since) connection refused" in text_of(app)
        source.post(RemoteChanged(source.remote))
        await until(pilot, lambda: "no answer" not in text_of(app), "it is back")

    drive(app, script, size=(120, 40))


def test_a_registry_that_cannot_be_read_is_said_and_the_rest_stays() -> None:
    app, source, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        source.feed(problem="it is corrupt")
        await pilot.pause()
        assert "registry: it is corrupt" in text_of(app)
        assert "4W8" in text_of(app)

    drive(app, script)


def test_an_empty_workspace_says_what_to_do() -> None:
    app, _, _ = dashboard([])

    async def script(pilot: Pilot[None]) -> None:
        assert "No executions here yet: dml demo" in text_of(app)
        await pilot.press("down", "c", "a", "y", "space", "enter", "escape")

    drive(app, script)


def test_before_the_first_read_nothing_is_claimed() -> None:
    app, source, _ = dashboard([])
    source.local = Local()

    async def script(pilot: Pilot[None]) -> None:
        assert "Reading …" in text_of(app)
        assert "No executions" not in text_of(app)

    drive(app, script)


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (40, 12), (20, 8)])
def test_foreign_text_is_harmless_and_any_size_works(size: tuple[int, int]) -> None:
    nasty = "[/x] \x1b[31m red \u202e back \n line"
    one = summary("1-ABCD-EFGH", "Weird [status]", workflow=nasty, description=nasty, error=nasty, status_detail=nasty)
    app, source, _ = dashboard([one])
    source.details[one.rid] = details(one, journal=(JournalEntry(1, None, one.rid, 1, nasty, nasty, nasty, {}),))

    async def script(pilot: Pilot[None]) -> None:
        text = text_of(app)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "1-ABCD-EFGH" in text or size[0] < 40
        await pilot.press("enter", "escape", "question_mark", "escape", "slash", "escape")

    drive(app, script, size=size)


def test_the_process_that_runs_is_described() -> None:
    app, _, _ = dashboard(some_executions())

    async def script(pilot: Pilot[None]) -> None:
        assert f"dead: {process().command} (pid 8123 on gpu02)" in text_of(app)

    drive(app, script, size=(120, 40))
