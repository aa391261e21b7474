"""What an action of the dashboard is: its key, its words, what it does, and the command that does the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dml.safe_text import safe
from dml.tui.action_targets import ActionTarget

EXECUTIONS, UPLOADS, CACHE, LINEAGE, PREFLIGHT = "executions", "uploads", "cache", "lineage", "preflight"
"""The screens, as actions name them."""


class Danger(StrEnum):
    """How an action makes sure that it is meant."""

    none = "none"
    ask = "ask"
    type_rid = "type the RID"


@dataclass(frozen=True)
class Action:
    """One line of the table.

    Attributes:
        name: Names the action in bindings and tests.
        key: The key, as Textual names it.
        title: A word or two for the footer.
        help: A sentence for help and palette.
        screens: Where it is offered; everywhere when empty.
        command: The command that does the same, with ``{rid}`` and ``{pid}``; empty for what only a dashboard does.
        work: Function of ``operations``, or of a part of it (``cache.pin``), that does it in a thread.
        here: Function of ``own_actions`` that does it at once.
        applies: Whether it makes sense for a subject.
        danger: How it is asked for.
        question: What is asked.
        discards: Whether it would lose outputs of a subject that were never uploaded.
        plan: Function of ``operations`` that says, line by line, what would happen; asked in a thread before asking.
        needs_subject: Whether it works on something that is selected.
    """

    name: str
    key: str
    title: str
    help: str
    screens: tuple[str, ...] = ()
    command: str = ""
    work: str = ""
    here: str = ""
    applies: Callable[[ActionTarget], bool] = bool
    danger: Danger = Danger.none
    question: str = ""
    discards: Callable[[ActionTarget], bool] = lambda subject: not subject
    plan: str = ""
    needs_subject: bool = True

    def danger_for(self, subject: ActionTarget) -> Danger:
        """How it is asked for: what would lose outputs that were never uploaded wants the RID typed."""
        return Danger.type_rid if self.discards(subject) else self.danger

    def command_for(self, subject: ActionTarget | None) -> str:
        """The command for a subject, as one would type it."""
        pid = subject.commit.holder.pid if subject and subject.commit and subject.commit.holder else "PID"
        name = safe(subject.name) if subject else "+experiment=NAME" if PREFLIGHT in self.screens else "RID"
        return " ".join(self.command.format(rid=name, pid=pid).split())


_KEY_NAMES = {"slash": "/", "colon": ":", "question_mark": "?", "ctrl": "^"}


def shown_key(key: str) -> str:
    """A key of the table as people write it: ``/``, ``^s``, ``F5``."""
    first = key.partition(",")[0]
    if first.startswith("ctrl+"):
        return f"^{first[5:]}"
    return _KEY_NAMES.get(first, first.upper() if first[:1] == "f" and first[1:].isdigit() else first)
