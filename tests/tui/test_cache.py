"""The screen of the cache: entries as other processes fetch and clear them, and what may be done with each."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from dml.api.execution import Execution
from dml.cache.entries import CacheEntry, EntryKind
from dml.cache.tiers import Tier
from dml.catalog.connection import Catalog
from dml.catalog.rows import select
from dml.tui.app import Dashboard
from dml.tui.cache_views import ordered
from dml.tui.live_cache_reader import CacheState
from dml.tui.screens.cache import summary_of
from dml.tui.screens.dialogs import Question
from tui.conftest import Run
from tui.journey import dashboard, drive, some_executions, text_of, until


@pytest.fixture
def asset(execution: Execution, run: Run, tmp_path: Path, catalog: Catalog) -> str:
    """A file of an execution that is uploaded and over."""
    rid = execution.execution_rid
    (tmp_path / "model.bin").write_bytes(b"x" * 5120)
    run("exec", "start", rid)
    run("exec", "stage", rid, tmp_path / "model.bin")
    run("exec", "commit", rid)
    (row,) = select(catalog, "deriva-ml:Execution_Asset", where={"Filename": "model.bin"})
    return str(row["RID"])


def test_what_other_processes_fetch_pin_and_clear_shows(live: Dashboard, asset: str, run: Run) -> None:
    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "Nothing is cached" in text_of(live), "it is empty")
        await until(pilot, lambda: "0 entries" in text_of(live))
        run("cache", "warm", asset)
        await until(pilot, lambda: asset in text_of(live) and "● whole" in text_of(live), "it is fetched")
        await until(pilot, lambda: "5.0 KiB" in text_of(live))
        await until(pilot, lambda: "1 entry" in text_of(live))
        run("cache", "pin", asset)
        await until(pilot, lambda: "pinned" in text_of(live), "it is pinned")
        run("cache", "unpin", asset)
        run("cache", "clear", asset, "--yes")
        await until(pilot, lambda: "Nothing is cached" in text_of(live), "it is cleared")

    drive(live, script, size=(120, 30))


def test_verify_pin_and_clear_with_the_plan_shown_first(live: Dashboard, asset: str, run: Run) -> None:
    run("cache", "warm", asset)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("3")
        await until(pilot, lambda: asset in text_of(live), "it is read")
        await pilot.press("v")
        await until(pilot, lambda: any("0 damaged" in one.message for one in live._notifications), "it is verified")
        await pilot.press("p")
        await until(pilot, lambda: "pinned" in text_of(live).splitlines()[4], "it is pinned")
        await until(pilot, lambda: "unpin" in text_of(live).splitlines()[-1], "it can be let go")
        assert "clear" not in text_of(live).splitlines()[-1]
        await pilot.press("u")
        await until(pilot, lambda: "clear" in text_of(live).splitlines()[-1], "it may go again")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(live.screen, Question), "it asks")
        await until(pilot, lambda: f"remove {asset}" in text_of(live))
        await until(pilot, lambda: f"dml cache clear {asset}" in text_of(live))
        await pilot.press("y")
        await until(pilot, lambda: "Nothing is cached" in text_of(live), "it is gone")

    drive(live, script, size=(120, 30))


def _items() -> list[CacheEntry]:
    return [
        CacheEntry(
            EntryKind.BAG,
            "1-ABC@1.0.0",
            Path("/c"),
            rid="1-ABC",
            version="1.0.0",
            tier=Tier.MATERIALIZED,
            bytes=2 << 20,
            key="a",
        ),
        CacheEntry(
            EntryKind.BAG,
            "1-DEF@1.0.0",
            Path("/c"),
            rid="1-DEF",
            version="1.0.0",
            tier=Tier.INCOMPLETE,
            bytes=1 << 20,
            missing=3,
            missing_bytes=3 << 20,
            key="b",
        ),
        CacheEntry(EntryKind.DEBRIS, "strange [/x]", Path("/c"), bytes=5, note="left by a fetch that was interrupted"),
    ]


def test_what_is_incomplete_comes_first_and_its_rest_can_be_fetched() -> None:
    app, _, operations = dashboard(some_executions())
    app.cache.put(*_items())  # type: ignore[attr-defined]

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "1-DEF@1.0.0" in text_of(app), "it is read")
        text = text_of(app)
        assert "3 files 3.0 MiB" in text
        assert "3 entries, 3.0 MiB, 3.0 MiB missing · 41 GiB free" in text
        assert "$ dml cache warm 1-DEF@1.0.0" in text
        await pilot.press("w")
        await until(pilot, lambda: operations.calls == [("warm", "1-DEF@1.0.0")], "it is fetched")
        await pilot.press("y")
        assert app.clipboard == "1-DEF"
        await pilot.press("end")
        await until(pilot, lambda: "verify" not in text_of(app).splitlines()[-1], "debris cannot be verified")
        assert "clear" in text_of(app).splitlines()[-1]

    drive(app, script, size=(120, 30))


def test_marked_entries_are_cleared_together_and_no_is_no() -> None:
    app, _, operations = dashboard(some_executions())
    app.cache.put(*_items())  # type: ignore[attr-defined]

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "1-DEF@1.0.0" in text_of(app), "it is read")
        await pilot.press("space", "space", "x")
        await until(pilot, lambda: isinstance(app.screen, Question), "it asks")
        assert "remove 1-DEF@1.0.0" in text_of(app)
        assert "remove 1-ABC@1.0.0" in text_of(app)
        await pilot.press("escape")
        await pilot.pause()
        assert not [call for call in operations.calls if call[0] == "clear"]
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Question), "it asks again")
        await pilot.press("y")
        await until(pilot, lambda: len([call for call in operations.calls if call[0] == "clear"]) == 2, "both go")

    drive(app, script, size=(120, 30))


def test_the_summary_counts_what_is_known() -> None:
    assert summary_of(CacheState((), None, Path("/c"))) == "0 entries, 0 B"
    assert [item.name for item in ordered(_items())] == ["1-DEF@1.0.0", "1-ABC@1.0.0", "strange [/x]"]
