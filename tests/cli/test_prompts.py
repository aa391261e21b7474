"""Confirmations: typed on a terminal, flags elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from cli.runner import Terminal
from dml.cli.app.prompts import confirm, confirm_rid
from dml.errors import DmlError, UsageError


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Types a text on a terminal. (Set in the test's own phase: pytest's capture puts its streams back before it.)"""

    def type_text(text: str) -> None:
        stdin = Terminal(text)
        monkeypatch.setattr("sys.stdin", stdin)
        monkeypatch.setattr("sys.stderr", Terminal())

    return type_text


@pytest.mark.parametrize("text", ["y\n", "Yes\n"])
def test_yes_goes_on(answer: Callable[[str], None], text: str) -> None:
    answer(text)
    confirm("Delete it?", yes=False)


@pytest.mark.parametrize("text", ["\n", "n\n", "yep\n", ""])
def test_anything_else_does_not(answer: Callable[[str], None], text: str) -> None:
    answer(text)
    with pytest.raises(DmlError, match="nothing was done"):
        confirm("Delete it?", yes=False)


def test_without_a_terminal_the_flag_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError) as caught:
        confirm("Delete it?", yes=False)
    assert "Delete it?" in caught.value.message
    assert "--yes" in caught.value.hint
    confirm("Delete it?", yes=True)


def test_the_rid_must_be_typed_whole(answer: Callable[[str], None]) -> None:
    answer("1-ABC\n")
    confirm_rid("Discard its outputs.", "1-ABC", given=None)
    answer("")
    with pytest.raises(DmlError):
        confirm_rid("Discard its outputs.", "1-ABC", given=None)


def test_the_rid_as_a_flag() -> None:
    confirm_rid("Discard its outputs.", "1-ABC", given="1-ABC")
    with pytest.raises(UsageError, match="does not match"):
        confirm_rid("Discard its outputs.", "1-ABC", given="1-ABD")


def test_without_a_terminal_the_rid_flag_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(UsageError) as caught:
        confirm_rid("Discard its outputs.", "1-ABC", given=None)
    assert "--confirm 1-ABC" in caught.value.hint
