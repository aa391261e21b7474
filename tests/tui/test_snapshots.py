"""Pictures of every screen at two sizes, the same that the documentation shows.

``DML_UPDATE_SNAPSHOTS=1`` draws them anew; look at each before it is committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from dml.tui.app import Dashboard
from tui.scenes import SCENES

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZES = ((80, 24), (120, 40))


def _picture(app: Dashboard) -> str:
    """The screen as SVG, without what differs from one drawing to the next: fonts from elsewhere, and ids."""
    svg = app.export_screenshot(title="dml tui")
    svg = re.sub(r"@font-face\s*{[^}]*}\s*", "", svg)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE).strip() + "\n"


@pytest.fixture(autouse=True)
def _one_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", sorted(SCENES))
def test_the_screen_looks_as_in_the_documentation(name: str, size: tuple[int, int]) -> None:
    from tui.journey import drive

    drawn: list[str] = []
    app, script = SCENES[name]()

    async def draw(pilot: Pilot[None]) -> None:
        await script(pilot)
        await pilot.pause()
        drawn.append(_picture(app))

    drive(app, draw, size)
    path = IMAGES / f"tui-{name}-{size[0]}x{size[1]}.svg"
    if os.environ.get("DML_UPDATE_SNAPSHOTS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(drawn[0], encoding="utf-8")
    assert path.exists(), f"{path.name} was never drawn"
    assert path.read_text(encoding="utf-8") == drawn[0], f"{path.name} is not what the screen looks like now"


def test_without_colour_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    from tui.journey import drive, text_of

    make: Callable[[], tuple[Dashboard, object]] = SCENES["executions"]
    app, _ = make()
    assert app.no_color

    async def script(pilot: Pilot[None]) -> None:
        for word in ("▌", "dead", "Stopped", "Running", "Failed", "[all 7]"):
            assert word in text_of(app)

    drive(app, script)


@pytest.mark.parametrize("name", sorted(set(SCENES) - {"help", "question"}))
def test_a_light_screen_is_light_in_every_line(name: str) -> None:
    from tui.journey import drive

    app, script = SCENES[name]()

    async def look(pilot: Pilot[None]) -> None:
        app.theme = "textual-light"
        await script(pilot)
        await pilot.pause()
        for number, strip in enumerate(app.screen._compositor.render_strips()):
            for segment in strip:
                background = segment.style.bgcolor if segment.style is not None else None
                assert background is not None, f"line {number} has the terminal's own background: {segment.text!r}"
                assert background.triplet is not None
                assert sum(background.triplet) > 3 * 90, f"line {number} is dark: {segment.text!r}"

    drive(app, look)
