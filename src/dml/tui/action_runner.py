"""Carrying out an action: its plan, its question, its work in a thread, and the notice that reports its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from dml.errors import DmlError
from dml.safe_text import safe
from dml.tui.action_targets import ActionTarget
from dml.tui.actions import Action, Danger
from dml.tui.screens.dialogs import Question

if TYPE_CHECKING:
    from dml.tui.app import Dashboard
    from dml.tui.operations import Operations
    from dml.tui.ui_actions import OwnActions

_COMMANDS_SHOWN = 5


class Performer:
    """Carries out the actions of the table.

    Args:
        app: The application, which shows questions and notices.
        operations: What ``work`` and ``plan`` of an action name.
        own: What ``here`` of an action names.
    """

    def __init__(self, app: Dashboard, operations: Operations, own: OwnActions) -> None:
        self._app = app
        self._operations = operations
        self._own = own

    def perform(self, action: Action, subjects: Sequence[ActionTarget]) -> None:
        """Carry out an action, after asking where that is due; nothing happens where it applies to no subject."""
        chosen = [one for one in subjects if action.applies(one)] if action.needs_subject else []
        if action.needs_subject and not chosen:
            return
        if action.here:
            self._app.guarded(lambda: getattr(self._own, action.here)(chosen), action.title)
            return
        danger = max((action.danger_for(one) for one in chosen), key=list(Danger).index, default=action.danger)
        if danger is Danger.none:
            self._start(action, chosen)
        elif action.plan:
            self._in_thread(partial(self._plan, action, chosen, danger), action)
        else:
            self._ask(action, chosen, danger, ())

    def _plan(self, action: Action, chosen: Sequence[ActionTarget], danger: Danger) -> None:
        """In a thread: find out what would happen, then ask."""
        function = attrgetter(action.plan)(self._operations)
        found = self._run_logged(
            lambda: [safe(line, limit=200) for one in chosen for line in function(one.name)], action
        )
        if found is not None:
            self._app.call_from_thread(self._ask, action, chosen, danger, found)

    def _ask(self, action: Action, chosen: Sequence[ActionTarget], danger: Danger, plan: Sequence[str]) -> None:
        typed = chosen[0].rid if danger is Danger.type_rid else ""
        if typed:
            chosen = chosen[:1]  # each loss is named by itself
        names = ", ".join(one.called for one in chosen)
        question = Question(
            action.question.format(rid=safe(names, limit=200)),
            plan=plan,
            command="\n".join(action.command_for(one) for one in chosen[:_COMMANDS_SHOWN]),
            typed=typed,
        )
        self._app.push_screen(question, lambda answer: self._start(action, chosen) if answer else None)

    def _start(self, action: Action, subjects: Sequence[ActionTarget]) -> None:
        commands = [action.command_for(one) for one in subjects] or [action.command_for(None)]
        self._app.show_command("; ".join(commands))
        each: Sequence[ActionTarget | None] = subjects or [None]
        for subject in each:
            self._in_thread(partial(self._work, action, subject), action)

    def _work(self, action: Action, subject: ActionTarget | None) -> None:
        """In a thread: call the operation and report its result."""
        function = attrgetter(action.work)(self._operations)
        said = self._run_logged(lambda: function(subject.name) if subject is not None else function(), action)
        if said is not None:
            self._app.call_from_thread(self._app.say, said, action.title)
        self._app.source.refresh()

    def _in_thread(self, function: Callable[[], None], action: Action) -> None:
        self._app.run_worker(function, name=action.name, thread=True, exit_on_error=False)

    def _run_logged(self, function: Callable[[], Any], action: Action) -> Any:
        """What a function returns; None when it failed, which is said."""
        try:
            return function()
        except DmlError as error:
            text = f"{error.message}\n{error.hint}" if error.hint else error.message
            self._app.call_from_thread(self._app.say, text, action.title, bad=True)
        except Exception as error:
            self._app.call_from_thread(self._app.crashed, error, action.title)
        return None
