"""A defect in following one side: it is said, the other side goes on, and a key tries again."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from dml.api.execution import Execution
from dml.tui.app import Dashboard
from dml.tui.catalog_reader import RemoteReader
from dml.tui.state import Local, Remote
from dml.tui.workspace_reader import LocalReader
from tui.journey import drive, text_of, until


def _said(app: Dashboard) -> str:
    return "\n".join(one.message for one in app._notifications if one.severity == "error")


def test_the_workspace_stops_and_is_followed_again(
    live: Dashboard, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, broken = LocalReader.read, [True]

    def sometimes(self: LocalReader, now: float) -> Local:
        if broken[0]:
            raise ValueError("token=hunter2 [/x]")
        return read(self, now)

    monkeypatch.setattr(LocalReader, "read", sometimes)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Updates from the workspace stopped: ValueError" in _said(live), "it is said")
        assert "Press F5 to retry" in _said(live)
        await until(pilot, lambda: "registry: stopped, F5 to retry" in text_of(live), "and stays said")
        await until(pilot, lambda: "owner" in text_of(live), "the catalog goes on")
        await pilot.press("f5")
        await until(pilot, lambda: _said(live).count("Updates from the workspace stopped") == 2, "still broken")
        broken[0] = False
        await pilot.press("f5")
        await until(pilot, lambda: execution.execution_rid in text_of(live), "it is followed again")
        assert "stopped, F5" not in text_of(live)
        assert len(live.crashes) == 2
        live.crashes.clear()

    drive(live, script, size=(120, 30))


def test_the_catalog_stops_and_is_followed_again(
    live: Dashboard, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll, broken = RemoteReader.poll, [True]

    def sometimes(self: RemoteReader) -> Remote:
        if broken[0]:
            raise KeyError("RID")
        return poll(self)

    monkeypatch.setattr(RemoteReader, "poll", sometimes)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Updates from the catalog stopped: KeyError" in _said(live), "it is said")
        await until(pilot, lambda: "no answer since" in text_of(live), "and stays said")
        await until(pilot, lambda: execution.execution_rid in text_of(live), "the workspace goes on")
        broken[0] = False
        await pilot.press("f5")
        await until(pilot, lambda: "owner" in text_of(live), "it is followed again")
        live.crashes.clear()

    drive(live, script, size=(120, 30))
