"""The scenes of which pictures are taken: a dashboard with something to show, and what is pressed first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from dml.cache.entries import CacheEntry, EntryKind
from dml.cache.tiers import Tier
from dml.preflight.results import Report, RunSummary, failed, ok, skipped, warning
from dml.tui.app import Dashboard
from dml.tui.lineage_branches import Branch
from dml.tui.live_project_reader import ProjectExperiment, ProjectState
from dml.tui.state import Commit, FileProgress
from dml.workspace.assets import AssetRow
from dml.workspace.file_identity import FileIdentity
from dml.workspace.inputs import InputRecord
from dml.workspace.journal import JournalEntry
from tui.journey import NOW, Script, dashboard, details, process, some_executions, text_of, until


def _asset(key: str, size: int) -> AssetRow:
    table = key.partition("/")[0]
    identity = FileIdentity(size, 1, 1)
    return AssetRow(
        "4W8", key, table, "deriva-ml", (), {}, None, "pending", None, None, None, NOW, NOW, identity=identity
    )


def executions_scene() -> tuple[Dashboard, Script]:
    """A workspace in which something of each kind happened."""
    executions = some_executions()
    app, source, _ = dashboard(executions)
    dead = next(one for one in executions if one.rid == "4W8")
    at = NOW - timedelta(hours=12)
    said = [("transition", "Created → Running"), ("staged", "Execution_Asset/weights.bin"), ("staged", "metrics.jsonl")]
    source.details["4W8"] = details(
        dead,
        configuration={"workflow": {"version": "abc1234"}},
        inputs=(InputRecord("dataset", "1-ABC", "1.4.0"), InputRecord("asset", "2-GHI")),
        assets=(
            _asset("Execution_Asset/weights.bin", 1_288_490_167),
            _asset("Execution_Metadata/metrics.jsonl", 22),
        ),
        journal=tuple(JournalEntry(n, at, "4W8", 8123, "gpu02", kind, text, {}) for n, (kind, text) in enumerate(said)),
    )

    async def script(pilot: Pilot[None]) -> None:
        await pilot.pause()

    return app, script


def help_scene() -> tuple[Dashboard, Script]:
    """The help over the executions."""
    app, _ = executions_scene()

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        await pilot.pause()

    return app, script


def question_scene() -> tuple[Dashboard, Script]:
    """A question before something that cannot be undone."""
    app, _ = executions_scene()

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("down")
        await until(pilot, lambda: "$ dml exec commit 4WT" in text_of(app), "the cursor rests")
        await pilot.press("a")
        await pilot.pause()

    return app, script


def uploads_scene() -> tuple[Dashboard, Script]:
    """One upload under way, one that was interrupted."""
    mib = 1 << 20
    going = Commit(
        "4W8",
        "Train",
        process(4711, "dml exec commit 4W8"),
        True,
        (
            FileProgress("Model/best_model.pt", "sending", 1200 * mib, 744 * mib, 16, 24, 88.0 * mib),
            FileProgress("Execution_Metadata/metrics.jsonl", "uploaded", 22, 22),
            FileProgress("Image/mask.png", "already in the catalog as 3-MASK", 40960, 40960),
            FileProgress("Image/overlay.png", "waiting", 3 * mib, 0),
        ),
        rate=88.0 * mib,
        retries=2,
        note="data.example.org answered 503; trying again in 4 s (try 2 of 4)",
    )
    stopped = Commit(
        "4VP",
        "Evaluate",
        None,
        False,
        (FileProgress("Execution_Asset/predictions.csv", "waiting", 5120, 0),),
        error="the server cannot be reached",
    )
    app, _, _ = dashboard(some_executions(), commits=(stopped, going))

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await pilot.pause()

    return app, script


def _entry(name: str, tier: Tier, size: int, **parts: Any) -> CacheEntry:
    rid, _, version = name.partition("@")
    return CacheEntry(
        EntryKind.BAG, name, Path("/cache"), rid=rid, version=version, key=name, tier=tier, bytes=size, **parts
    )


def cache_scene() -> tuple[Dashboard, Script]:
    """A cache in which something is missing and something is pinned."""
    gib = 1 << 30
    app, _, _ = dashboard(some_executions())
    app.cache.put(  # type: ignore[attr-defined]
        _entry("1-DEF@2.1.0", Tier.MATERIALIZED, 24 * gib, pinned=True, last_used=NOW - timedelta(hours=3)),
        _entry(
            "1-ABC@1.4.0",
            Tier.INCOMPLETE,
            13 * gib,
            assets=12_480,
            missing=212,
            missing_bytes=1_181_116_006,
            needed_by=("4W8",),
            last_used=NOW - timedelta(days=2),
        ),
        _entry("1-RAW@1.0.0", Tier.METADATA_ONLY, 3 << 20, missing=900, missing_bytes=7 * gib),
        CacheEntry(
            EntryKind.ASSET,
            "2-GHI",
            Path("/cache"),
            rid="2-GHI",
            key="2-GHI_9f86",
            bytes=98 << 20,
            tier=Tier.MATERIALIZED,
            used_by=("4T2",),
            last_used=NOW - timedelta(days=9),
        ),
    )

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "1-ABC@1.4.0" in text_of(app), "it is read")

    return app, script


def _leaf(rid: str, text: str, kind: str = "asset") -> Branch:
    return Branch(rid, text, kind)


def lineage_scene() -> tuple[Dashboard, Script]:
    """What led to a file of predictions."""
    split = Branch(
        "3QQ",
        "3QQ Split dataset · ✔ Uploaded",
        "execution",
        lambda: (_leaf("1-RAW", 'input  1-RAW 1.0.0 "Retina, all" ── no recorded producer', "dataset"),),
    )
    train = Branch(
        "4T2",
        "4T2 Train ResNet50 · ✔ Uploaded · 2 h 10 min",
        "execution",
        lambda: (
            Branch("1-ABC", 'input  1-ABC 1.4.0 "Retina training"', "dataset", lambda: (split,)),
            _leaf("2-GHI", "input  2-GHI resnet50.pt ── unknown provenance"),
        ),
    )
    model = Branch("2-MOD1", "input  2-MOD1 best_model.pt · Model · 98 MiB", "asset", lambda: (train,))
    inputs = (model, _leaf("1-ABC", 'input  1-ABC 1.4.0 "Retina training"', "dataset"))
    evaluate = Branch("4X8", "4X8 Evaluate · ✔ Uploaded · 3 min", "execution", lambda: inputs)
    root = Branch("2-PRED1", "2-PRED1 predictions.csv · Execution_Asset · 1.2 MiB", "asset", lambda: (evaluate,))
    app, _, _ = dashboard(some_executions())
    app.histories.branches["backward", "2-PRED1"] = root  # type: ignore[attr-defined]

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("colon", *"2-pred1", "enter")
        await until(pilot, lambda: "4X8 Evaluate" in text_of(app), "the tree is there")
        await until(pilot, lambda: "2-MOD1" in text_of(app), "its only branch is open")
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: "4T2" in text_of(app), "the next is open")
        await until(pilot, lambda: "2-GHI" in text_of(app), "and the only one below it")
        await pilot.pause(0.2)

    return app, script


def preflight_scene() -> tuple[Dashboard, Script]:
    """An experiment of which two checks failed, another that passed, and a sweep that was not checked."""
    app, _, _ = dashboard(some_executions())
    projects: Any = app.projects
    quick, large, sweep = retina_experiments()
    projects.state = ProjectState(Path("/home/you/retina"), (quick, large, sweep))
    results = (
        ok("configuration", "composes", "composed 6 groups, 14 parameters"),
        ok("identity", "signed in", "you@lab.example, may insert executions"),
        failed(
            "datasets",
            "version",
            "1-DEF: no version 2.1.1; has 2.1.0, 2.0.0, 1.4.0 (newest first)",
            "datasets=retina_2_1_0, or edit src/configs/datasets.py:31",
        ),
        ok("datasets", "version", '1-ABC 1.4.0 "Retina training", 12,480 images'),
        ok("assets", "bytes", "2-GHI resnet50.pt 98 MiB, bytes present"),
        failed(
            "vocabulary",
            "term",
            'no term "Image Classification" in Workflow_Type; nearest: Training, Analysis',
            'dml vocab add Workflow_Type "Image Classification"',
        ),
        warning(
            "cache",
            "tier",
            "1-ABC 1.4.0 cached_incomplete: 212 of 12,480 assets missing, 1.1 GiB to fetch",
            "dml cache warm 1-ABC@1.4.0",
        ),
        ok("code", "git", "main @ a1b2c3d, clean, pushed · v0.3.1"),
        skipped("environment", "lock", "no uv.lock in this project"),
    )
    card = RunSummary(
        experiment="retina_quick",
        target="data.example.org/7",
        identity="you@lab.example",
        commit="a1b2c3d",
        branch="main",
        version="0.3.1",
        function="models.retina_net.train",
        parameters={"epochs": 1, "learning_rate": 0.001},
        description="Quick look at the retina images",
        datasets={"1-ABC@1.4.0": "cached_incomplete", "1-DEF@2.1.1": "not_cached"},
        assets={"2-GHI": "cached_materialized"},
        bytes_to_fetch=1_181_116_006,
    )
    fine = RunSummary(experiment="retina_large", description="The large model")
    projects.reports["retina_quick"] = Report(results, card, 9, 0.9)
    projects.reports["retina_large"] = Report((results[0], results[1]), fine, 9, 0.8)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("5")
        await until(pilot, lambda: "lr_sweep" in text_of(app), "the project is read")
        await pilot.press("down")
        projects.groups.put(None)
        await pilot.press("enter")
        await until(pilot, lambda: "✔ passed" in text_of(app), "the second is checked")
        await pilot.press("up")
        for group in dict.fromkeys(one.group for one in results):
            projects.groups.put((group, tuple(one for one in results if one.group == group)))
        projects.groups.put(None)
        await pilot.press("enter")
        await until(pilot, lambda: "2 failed, 1 warning" in text_of(app), "the first is checked")
        await until(pilot, lambda: "copy fixes" in text_of(app), "the footer follows")

    return app, script


def retina_experiments() -> tuple[ProjectExperiment, ProjectExperiment, ProjectExperiment]:
    """What a project offers."""
    return (
        ProjectExperiment("retina_quick", "experiment", ("+experiment=retina_quick",)),
        ProjectExperiment("retina_large", "experiment", ("+experiment=retina_large",)),
        ProjectExperiment("lr_sweep", "sweep", ("+multirun=lr_sweep",), "Learning rates from 0.0001 to 0.1"),
    )


SCENES: dict[str, Callable[[], tuple[Dashboard, Script]]] = {
    "cache": cache_scene,
    "executions": executions_scene,
    "help": help_scene,
    "lineage": lineage_scene,
    "preflight": preflight_scene,
    "question": question_scene,
    "uploads": uploads_scene,
}
