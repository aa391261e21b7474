"""The dashboard as a process on a pseudo-terminal: every screen, the help, and both fields, without a crash file.

On a terminal, and not in headless tests, Textual starts tasks eagerly where Python can (3.12 and later), so the order
in which widgets are mounted differs from one Python version to the next.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dml.directories import state_directory
from dml.tui.app import SCREENS
from terminal import TerminalSession, on_terminal

SIZES = ((80, 24), (120, 40))
WORDS = {
    "executions": "No executions here yet",
    "uploads": "No uploads.",
    "cache": "Nothing is cached",
    "lineage": "Type : and a RID",
    "preflight": "No project here",
}
"""What each screen says where nothing exists yet."""


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_and_field_works_in_an_empty_home(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with on_terminal([sys.executable, "-m", "dml.cli", "tui", "--catalog", "local/1"], size=size) as session:
        session.wait_for_screen(WORDS["executions"])
        session.wait_for_screen("q quit")
        for number, screen in [*enumerate(SCREENS, 1), (1, SCREENS[0])]:
            session.type(str(number))
            session.wait_for_screen(f"[{number} {screen.title_shown}]")
            session.wait_for_screen(WORDS[screen.name_in_table])
        _use_help(session)
        _use_filter(session)
        _go_to_cache(session)
        session.type("q")
        assert session.ended() == 0
    assert "A defect of dml" not in session.shown
    crashes = sorted((state_directory() / "crashes").glob("*"))
    assert not crashes, "\n".join(path.read_text() for path in crashes)


def _use_help(session: TerminalSession) -> None:
    session.type("?")
    session.wait_for_screen("esc closes")
    session.type("\x1b")
    session.wait_for_screen(WORDS["executions"], without="esc closes")


def _use_filter(session: TerminalSession) -> None:
    session.type("/")
    session.wait_for_screen("filter: every word must occur")
    session.type("retina")
    session.wait_for_screen("\nretina\n")
    session.wait_for_screen("with 'retina'")
    session.type("\r")
    session.wait_for_screen("with 'retina'", without="\nretina\n")


def _go_to_cache(session: TerminalSession) -> None:
    session.type(":")
    session.wait_for_screen("a screen, or a RID")
    session.type("cache\r")
    session.wait_for_screen("[3 Cache]")
