"""The table of actions: no key twice, every action explained, every command one that the command line knows."""

from __future__ import annotations

import itertools
import shlex
from operator import attrgetter
from pathlib import Path

import pytest

from dml.cli.app.commands import root
from dml.cli.app.invocation import Invocation, enter
from dml.target import Target
from dml.tui.action_table import ACTIONS, actions_of
from dml.tui.action_targets import ActionTarget
from dml.tui.actions import Action
from dml.tui.app import SCREENS
from dml.tui.operations import Operations
from dml.tui.state import Commit
from dml.tui.ui_actions import OwnActions
from dml.workspace.pending import Pending
from tui.journey import process, summary


@pytest.mark.parametrize("screen", SCREENS)
def test_no_key_means_two_things_on_a_screen(screen: type) -> None:
    keys = [key for action in actions_of(screen.name_in_table) for key in action.key.split(",")]  # type: ignore[attr-defined]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_is_explained_and_does_one_thing(action: Action) -> None:
    assert action.title
    assert action.help.endswith(".")
    assert bool(action.work) != bool(action.here)
    if action.work:
        assert action.command
        assert callable(attrgetter(action.work)(Operations(Target("localhost", "1"), Path("nowhere"))))
    if action.here:
        assert callable(getattr(OwnActions, action.here))
    known = {screen.name_in_table for screen in SCREENS}
    assert not action.screens or known & set(action.screens)


def _commands() -> list[str]:
    subject = ActionTarget("4VP", commit=Commit("4VP", "Train", process(), True, ()))
    lines = (action.command_for(subject).split("; ") for action in ACTIONS if action.command)
    return sorted({line for line in itertools.chain(*lines) if line.startswith("dml ")})


@pytest.mark.parametrize("line", _commands())
def test_every_command_shown_is_one_of_the_command_line(line: str) -> None:
    invocation = Invocation()
    enter(invocation)
    words = shlex.split(line)[1:]
    command = root()
    with command.make_context("dml", words, obj=invocation) as context:
        while hasattr(command, "resolve_command"):
            name, found, words = command.resolve_command(context, words)
            command = found
            context = command.make_context(name, list(words), parent=context)
            words = [*context._protected_args, *context.args] if hasattr(context, "_protected_args") else context.args
    assert command is not None


@pytest.mark.parametrize(
    ("one", "applying"),
    [
        (summary("1", "Created"), {"abort"}),
        (summary("1", "Running", life="running"), set()),
        (summary("1", "Running", life="elsewhere"), set()),
        (summary("1", "Running", life="dead"), {"resume", "commit", "abort"}),
        (summary("1", "Stopped", pending=Pending(1, 1)), {"commit", "abort"}),
        (summary("1", "Failed"), {"commit", "abort"}),
        (summary("1", "Pending_Upload"), {"commit"}),
        (summary("1", "Uploaded"), {"gc"}),
        (summary("1", "Uploaded", pending=Pending(1, 1)), {"commit"}),
        (summary("1", "Uploaded", sync_pending=True), {"resume", "gc"}),
        (summary("1", "Aborted"), {"gc"}),
        (summary("1", "Nobody knows"), set()),
    ],
)
def test_what_applies_follows_the_status(one: object, applying: set[str]) -> None:
    subject = ActionTarget("1", one)  # type: ignore[arg-type]
    found = {
        action.name
        for action in actions_of("executions")
        if action.work and action.needs_subject and action.applies(subject)
    }
    assert found == applying
