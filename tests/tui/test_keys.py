"""The last line at any width, and the keys that work on every screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from dml.preflight.results import Report, RunSummary
from dml.tui.action_table import ACTIONS
from dml.tui.lineage_branches import Branch
from dml.tui.live_project_reader import ProjectState
from dml.tui.state import Commit, FileProgress
from dml.tui.widgets.key_line import GIVE_WAY, KeyLine
from dml.workspace.pending import Pending
from tui.journey import dashboard, drive, process, summary, text_of, until
from tui.scenes import SCENES, cache_scene, retina_experiments


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("name", sorted(set(SCENES) - {"help", "question"}))
def test_the_last_line_is_never_cut_and_always_names_help_and_quit(name: str, width: int) -> None:
    app, script = SCENES[name]()

    async def look(pilot: Pilot[None]) -> None:
        await script(pilot)
        keys = app.screen.query_one(KeyLine)
        line = text_of(app).splitlines()[-1]
        assert cell_len(line) <= width
        for action in keys.fitting():
            assert action.title in line
        left_out = {action.name for action in keys.actions} - {action.name for action in keys.fitting()}
        assert left_out <= set(GIVE_WAY)
        assert not left_out or width < 200
        assert line.endswith("? help  q quit")

    drive(app, look, size=(width, 24))


def test_what_gives_way_are_actions() -> None:
    assert set(GIVE_WAY) <= {action.name for action in ACTIONS}


def test_the_longest_line_fits_into_80_columns() -> None:
    one = summary("4W8", "Running", life="dead", pending=Pending(2, 10), sync_pending=True)
    app, _, _ = dashboard([one])

    async def script(pilot: Pilot[None]) -> None:
        line = text_of(app).splitlines()[-1]
        for title in ("r resume", "c commit", "a abort", "? help", "q quit"):
            assert title in line

    drive(app, script)


def test_a_click_on_a_key_presses_it() -> None:
    app, _, operations = dashboard([summary("4VP", "Stopped", pending=Pending(1, 1))])

    async def script(pilot: Pilot[None]) -> None:
        line = text_of(app).splitlines()[-1]
        await pilot.click(KeyLine, offset=(line.index("commit"), 0))
        await until(pilot, lambda: ("commit", "4VP") in operations.calls, "it is done")
        await pilot.click(KeyLine, offset=(79, 0))
        await pilot.pause()
        assert len(operations.calls) == 1

    drive(app, script)


def test_rids_are_copied_and_opened_from_every_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    files = (FileProgress("Image/a", "sending", 10, 5),)
    app, _, _ = dashboard(
        [summary("4VP", "Pending_Upload")],
        link=lambda rid: f"https://x/id/7/{rid}",
        commits=(Commit("4VP", "Train", process(), True, files),),
    )
    filled, _ = cache_scene()
    app.cache = filled.cache
    app.histories.branches["backward", "2-GHI"] = Branch("2-GHI", "2-GHI resnet50.pt", "asset")  # type: ignore[attr-defined]
    projects = app.projects
    projects.state = ProjectState(Path("/retina"), retina_experiments())  # type: ignore[attr-defined]
    card = RunSummary(datasets={"1-ABC@1.4.0": "not_cached"}, assets={"2-GHI": "not_cached"})
    projects.reports["retina_quick"] = Report((), card)  # type: ignore[attr-defined]
    projects.groups.put(None)  # type: ignore[attr-defined]
    opened: list[str] = []
    monkeypatch.setattr(app, "open_url", opened.append)

    async def copied(pilot: Pilot[None], expected: str) -> None:
        opened.clear()
        await pilot.press("y", "o")
        await pilot.pause()
        assert app.clipboard == expected
        assert opened == [f"https://x/id/7/{rid}" for rid in expected.split()]

    async def script(pilot: Pilot[None]) -> None:
        await copied(pilot, "4VP")
        await pilot.press("2", "down")
        await copied(pilot, "4VP")
        await pilot.press("3")
        await until(pilot, lambda: "1-ABC@1.4.0" in text_of(app), "the cache is read")
        await copied(pilot, "1-ABC")
        await pilot.press("end")
        await until(pilot, lambda: "2-GHI" in text_of(app), "the last one")
        cursor = app.screen.query_one("#cache").cursor  # type: ignore[attr-defined]
        while "2-GHI" not in cursor:
            await pilot.press("up")
            cursor = app.screen.query_one("#cache").cursor  # type: ignore[attr-defined]
        await pilot.press("l")
        await until(pilot, lambda: "2-GHI resnet50.pt" in text_of(app), "its lineage, from the cache")
        await copied(pilot, "2-GHI")
        await pilot.press("5")
        await until(pilot, lambda: "Not checked yet" in text_of(app), "the project is read")
        await pilot.press("enter")
        await until(pilot, lambda: "✔ passed" in text_of(app), "it is checked")
        await copied(pilot, "1-ABC 2-GHI")

    drive(app, script, size=(120, 30))
