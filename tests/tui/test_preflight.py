"""The screen of preflight: experiments of a project, their checks as they come in, and a run that is started."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from dml.catalog.connection import Catalog
from dml.directories import state_directory
from dml.errors import DmlError
from dml.preflight.results import Report, RunSummary, failed, ok
from dml.tui.app import Dashboard
from dml.tui.live_project_reader import ProjectState
from dml.tui.screens.dialogs import Question
from experiments import RetinaProject
from preflight.sample_catalog import make_sample_catalog
from tui.journey import FedProjects, RecordedOperations, dashboard, drive, text_of, until
from tui.scenes import retina_experiments


@pytest.fixture
def fed() -> tuple[Dashboard, FedProjects, RecordedOperations]:
    """A dashboard beside a project with three things to choose from."""
    app, _, operations = dashboard()
    projects: Any = app.projects
    projects.state = ProjectState(Path("/retina"), retina_experiments())
    return app, projects, operations


Fed = tuple[Dashboard, FedProjects, RecordedOperations]


def test_checks_show_as_they_come_in_in_their_groups(fed: Fed) -> None:
    app, projects, operations = fed
    broken = failed("datasets", "version", "1-DEF: no version 2.1.1 [/x]", "edit src/configs/datasets.py:31")
    card = RunSummary(experiment="retina_quick", datasets={"1-DEF@2.1.1": "not_cached"}, assets={"2-GHI": "cached"})
    projects.reports["retina_quick"] = Report((ok("identity", "who", "you"), broken), card, 9, 0.9)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("5")
        await until(pilot, lambda: "Not checked yet" in text_of(app), "the project is read")
        assert "$ dml preflight +experiment=retina_quick" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: "▲ 0 of 13 groups" in text_of(app), "the checks run")
        assert text_of(app).count("… running") == 13
        projects.groups.put(("datasets", (broken,)))
        await until(pilot, lambda: "1-DEF: no version 2.1.1 [/x]" in text_of(app), "a group came in")
        assert "fix: edit src/configs/datasets.py:31" in text_of(app)
        assert "▲ 1 of 13 groups" in text_of(app)
        await pilot.press("enter", "r")  # neither begins anything while the checks run
        await pilot.press("1", "5")  # nor do they end when one looks elsewhere
        projects.groups.put(None)
        await until(pilot, lambda: "✖ 1 failed" in text_of(app), "it is over")
        await pilot.press("r")
        await pilot.pause()
        assert not isinstance(app.screen, Question)
        await pilot.press("m")
        assert app.clipboard == "edit src/configs/datasets.py:31"
        await pilot.press("y")
        assert app.clipboard == "1-DEF 2-GHI"
        await pilot.press("tab")
        await until(pilot, lambda: "retina_large" not in text_of(app), "the checks take the screen")
        assert "1 check failed: fix, then press c to check again" in text_of(app)
        await pilot.press("escape", "down")
        await until(pilot, lambda: "$ dml preflight +experiment=retina_large" in text_of(app), "back in the list")

    drive(app, script, size=(80, 40))
    assert operations.calls == []


def test_a_run_starts_after_its_checks_passed_and_one_question(fed: Fed) -> None:
    app, projects, operations = fed
    projects.reports["lr_sweep"] = Report((), RunSummary(experiment="lr_sweep", jobs=4), 9, 0.9)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("5")
        await until(pilot, lambda: "lr_sweep" in text_of(app), "the project is read")
        await pilot.press("end", "r")
        await pilot.pause()
        assert not isinstance(app.screen, Question), "what was not checked does not run"
        projects.groups.put(None)
        await pilot.press("c")
        await until(pilot, lambda: "✔ passed" in text_of(app), "it passes")
        await pilot.press("r")
        await until(pilot, lambda: "Run lr_sweep now?" in text_of(app), "it asks")
        assert "keeps running after you quit" in text_of(app)
        assert "dml run +multirun=lr_sweep --yes" in text_of(app)
        await pilot.press("n", "r")
        await until(pilot, lambda: isinstance(app.screen, Question), "no runs nothing")
        assert operations.calls == []
        await pilot.press("y")
        await until(pilot, lambda: operations.calls == [("start", "+multirun=lr_sweep")], "it starts")

    drive(app, script)


def test_what_keeps_the_checks_from_being_made_is_said(fed: Fed) -> None:
    app, projects, _ = fed
    projects.reports["retina_quick"] = DmlError("the interpreter cannot be started", hint="Name a Python.")
    projects.groups.put(None)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("5")
        await until(pilot, lambda: "Not checked yet" in text_of(app), "the project is read")
        await pilot.press("enter")
        await until(pilot, lambda: "✖ not checked" in text_of(app), "it is over")
        assert "the interpreter cannot be started" in text_of(app)
        assert "Name a Python." in text_of(app)

    drive(app, script)


def test_a_defect_in_the_checks_is_said_and_they_can_be_made_again(fed: Fed) -> None:
    app, projects, _ = fed  # the project has no report, which is the defect
    projects.groups.put(None)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("5")
        await until(pilot, lambda: "Not checked yet" in text_of(app), "the project is read")
        await pilot.press("enter")
        await until(pilot, lambda: "✖ not checked" in text_of(app), "it is over")
        await until(pilot, lambda: app.crashes, "the defect is recorded")
        assert any("A defect of dml in Preflight" in one.message for one in app._notifications)
        app.crashes.clear()
        projects.reports["retina_quick"] = Report((), RunSummary())
        projects.groups.put(None)
        await pilot.press("enter")
        await until(pilot, lambda: "✔ passed" in text_of(app), "it passes")

    drive(app, script)


def test_without_a_project_it_says_what_makes_one(
    live: Dashboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("5")
        await until(pilot, lambda: "`dml init` makes one" in text_of(live), "what to do")
        await pilot.press("enter", "c", "r", "m", "y")
        (tmp_path / "src" / "configs").mkdir(parents=True)
        await pilot.press("f5")
        await until(pilot, lambda: "to choose from" in text_of(live), "there is one now")

    live.projects._directory = tmp_path  # type: ignore[attr-defined]
    drive(live, script)


def test_a_real_experiment_is_checked_run_and_uploaded(
    live: Dashboard,
    make_project: Callable[..., RetinaProject],
    catalog: Catalog,
    domain: str,
    tmp_path: Path,
) -> None:
    (tmp_path / "files").mkdir()
    sample = make_sample_catalog(catalog, domain, tmp_path / "files")
    project = make_project("dml", dataset=sample.dataset, asset=sample.asset)
    live.projects._directory = project.root  # type: ignore[attr-defined]
    live._operations.runs._directory = project.root

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("5")
        await until(pilot, lambda: "retina_quick" in text_of(live), "the project is read")
        await until(pilot, lambda: "lr_sweep" in text_of(live))
        await pilot.press("enter")
        await until(pilot, lambda: "All checks passed: press r to run" in text_of(live), "it passes")
        assert sample.dataset in text_of(live)
        await pilot.press("r", "y")
        said = lambda: [one.message for one in live._notifications]  # noqa: E731
        await until(pilot, lambda: any("runs as process" in one for one in said()), "it is started")
        (started,) = [one for one in said() if "runs as process" in one]
        pid = int(started.partition("runs as process ")[2].split()[0])
        assert os.getsid(pid) == pid, "a session of its own: it outlives the dashboard"
        await pilot.press("1")
        await until(pilot, lambda: "Uploaded" in text_of(live), "the run shows, and is uploaded")
        await until(pilot, lambda: any("Uploaded.   dml lineage" in one for one in said()), "its end is said")

    drive(live, script, size=(120, 60))
    (log,) = (state_directory() / "runs").iterdir()
    assert "Nothing was written" in log.read_text()
