"""Everything one can do in the dashboard, in one table: keys, footer, help, palette and commands come from it.

An action either works on executions (``work`` names a function of ``operations``) or on the dashboard itself (``here``
names a method of the application). ``command`` is what does the same on a command line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dml.cache.survey import CachedItem
from dml.execution.listing import ExecutionSummary
from dml.execution.status import ExecutionStatus, effective_status
from dml.safe_text import safe
from dml.tui.state import Commit

S = ExecutionStatus


@dataclass(frozen=True)
class Subject:
    """What an action would work on.

    Attributes:
        rid: Its RID.
        summary: The execution as this workspace knows it; None for anything else.
        commit: Its upload, while there is one.
        cached: The entry of the cache, where that is meant.
    """

    rid: str
    summary: ExecutionSummary | None = None
    commit: Commit | None = None
    cached: CachedItem | None = None

    @property
    def name(self) -> str:
        """What commands call it: a dataset version in the cache is more than its RID."""
        return self.cached.name if self.cached is not None else self.rid

    @property
    def status(self) -> ExecutionStatus | None:
        """What its status counts as; None when it is no execution of this workspace."""
        return effective_status(self.summary.status) if self.summary is not None else None


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
        work: Function of ``operations`` that does it in a thread.
        here: Method of the application that does it at once.
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
    applies: Callable[[Subject], bool] = bool
    danger: Danger = Danger.none
    question: str = ""
    discards: Callable[[Subject], bool] = lambda subject: not subject
    plan: str = ""
    needs_subject: bool = True

    def danger_for(self, subject: Subject) -> Danger:
        """How it is asked for: what would lose outputs that were never uploaded wants the RID typed."""
        return Danger.type_rid if self.discards(subject) else self.danger

    def command_for(self, subject: Subject | None) -> str:
        """The command for a subject, as one would type it."""
        pid = subject.commit.holder.pid if subject and subject.commit and subject.commit.holder else "PID"
        return self.command.format(rid=safe(subject.name) if subject else "RID", pid=pid)


def _can_commit(subject: Subject) -> bool:
    one = subject.summary
    if one is None or (subject.commit is not None and subject.commit.holder is not None):
        return False
    if subject.status is S.UPLOADED:
        return bool(one.pending)
    return subject.status in (S.STOPPED, S.FAILED, S.PENDING_UPLOAD) or one.life == "dead"


def _can_resume(subject: Subject) -> bool:
    one = subject.summary
    idle = subject.commit is None or subject.commit.holder is None
    return one is not None and idle and (one.life in ("dead", "unknown") or one.row.sync_pending)


def _can_abort(subject: Subject) -> bool:
    one = subject.summary
    if one is None or one.life in ("running", "elsewhere"):
        return False
    return subject.status in (S.CREATED, S.RUNNING, S.STOPPED, S.FAILED)


def _can_stop(subject: Subject) -> bool:
    return subject.summary is not None and subject.summary.life == "unknown"


def _is_over(subject: Subject) -> bool:
    one = subject.summary
    return one is not None and (subject.status is S.ABORTED or (subject.status is S.UPLOADED and not one.pending))


def _can_interrupt(subject: Subject) -> bool:
    return subject.commit is not None and subject.commit.reachable


def _can_cancel(subject: Subject) -> bool:
    commit = subject.commit
    return commit is not None and (commit.holder is None or commit.reachable)


def _is_entry(subject: Subject) -> bool:
    return subject.cached is not None and subject.cached.kind in ("bag", "asset")


def _can_warm(subject: Subject) -> bool:
    item = subject.cached
    return item is not None and item.kind == "bag" and (bool(item.missing) or item.tier != "cached_materialized")


def _is_pinned(subject: Subject) -> bool:
    return subject.cached is not None and subject.cached.pinned


EXECUTIONS, UPLOADS, CACHE, LINEAGE = "executions", "uploads", "cache", "lineage"
_BOTH = (EXECUTIONS, UPLOADS)

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "resume",
        "r",
        "resume",
        "Bring registry and catalog to agree, and a run that lost its process to Pending_Upload.",
        (EXECUTIONS,),
        "dml exec resume {rid}",
        work="resume",
        applies=_can_resume,
    ),
    Action(
        "commit",
        "c",
        "commit",
        "Upload everything it staged, in a process of its own that goes on when you leave.",
        _BOTH,
        "dml exec commit {rid}",
        work="commit",
        applies=_can_commit,
    ),
    Action(
        "pause",
        "p",
        "pause",
        "End the process that uploads; what arrived stays, and commit goes on from there.",
        (UPLOADS,),
        "kill {pid}",
        work="pause",
        applies=_can_interrupt,
    ),
    Action(
        "cancel",
        "x",
        "cancel",
        "End the upload and mark the execution Failed; staged files stay, and it can be committed again.",
        (UPLOADS,),
        "kill {pid}; dml exec fail {rid} -m 'the upload was cancelled'",
        work="cancel",
        applies=_can_cancel,
        danger=Danger.ask,
        question="Cancel the upload of {rid}? It becomes Failed; staged files stay.",
    ),
    Action(
        "stop",
        "s",
        "stop",
        "Mark a run that nobody watches as Stopped; its outputs wait for the commit.",
        (EXECUTIONS,),
        "dml exec stop {rid}",
        work="stop",
        applies=_can_stop,
    ),
    Action(
        "abort",
        "a",
        "abort",
        "Give it up for good; its staged files stay until its local files are removed.",
        (EXECUTIONS,),
        "dml exec abort {rid}",
        work="abort",
        applies=_can_abort,
        danger=Danger.ask,
        question="Give {rid} up for good? Its staged files stay.",
    ),
    Action(
        "gc",
        "g",
        "remove files",
        "Remove the local files of an execution that is over.",
        (EXECUTIONS,),
        "dml exec gc {rid}",
        work="collect",
        applies=_is_over,
        danger=Danger.ask,
        question="Remove the local files of {rid}?",
        discards=lambda subject: subject.summary is not None and bool(subject.summary.pending),
    ),
    Action(
        "warm",
        "w",
        "warm",
        "Fetch what is missing of it, in a process of its own.",
        (CACHE,),
        "dml cache warm {rid}",
        work="warm",
        applies=_can_warm,
    ),
    Action(
        "verify",
        "v",
        "verify",
        "Compare every file with its checksum, in a process of its own.",
        (CACHE,),
        "dml cache verify {rid}",
        work="verify",
        applies=_is_entry,
    ),
    Action(
        "pin",
        "p",
        "pin",
        "Keep it whatever is cleared.",
        (CACHE,),
        "dml cache pin {rid}",
        work="pin",
        applies=lambda subject: _is_entry(subject) and not _is_pinned(subject),
    ),
    Action(
        "unpin",
        "u",
        "unpin",
        "Let it be cleared again.",
        (CACHE,),
        "dml cache unpin {rid}",
        work="unpin",
        applies=_is_pinned,
    ),
    Action(
        "clear",
        "x",
        "clear",
        "Remove it from the cache, after showing what would go and what would stay.",
        (CACHE,),
        "dml cache clear {rid}",
        work="clear",
        applies=lambda subject: subject.cached is not None and not _is_pinned(subject),
        danger=Danger.ask,
        question="Remove {rid} from the cache?",
        plan="plan_clearing",
    ),
    Action(
        "lineage",
        "l",
        "lineage",
        "Show what led to it.",
        (EXECUTIONS, UPLOADS, LINEAGE),
        "dml lineage {rid}",
        here="show_lineage",
    ),
    Action(
        "descendants",
        "f",
        "made from it",
        "Show what was made from it.",
        (LINEAGE,),
        "dml lineage {rid} --forward",
        here="show_descendants",
    ),
    Action(
        "nested",
        "n",
        "nested",
        "Show the executions nested in it.",
        (EXECUTIONS, LINEAGE),
        "dml nested {rid}",
        here="show_nested",
    ),
    Action(
        "copy",
        "y",
        "copy RID",
        "Put the RID into the clipboard (through the terminal, so also over SSH).",
        here="copy_rid",
    ),
    Action("open", "o", "open", "Show the row in the browser, in Chaise.", here="open_in_browser"),
    Action(
        "sync",
        "ctrl+s",
        "tell catalog",
        "Tell the catalog every status that it could not be told before.",
        (EXECUTIONS,),
        "dml exec sync",
        work="sync",
        needs_subject=False,
    ),
    Action(
        "mark", "space", "mark", "Mark it; actions then work on everything marked.", (EXECUTIONS, CACHE), here="mark"
    ),
    Action(
        "filter",
        "slash",
        "filter",
        "Show only what holds every word you type.",
        (EXECUTIONS,),
        here="filter",
        needs_subject=False,
    ),
    Action("go", "colon", "go", "Go to a screen or to an execution by its RID.", here="go", needs_subject=False),
    Action(
        "refresh",
        "f5",
        "read again",
        "Read the workspace and ask the catalog now.",
        here="refresh_now",
        needs_subject=False,
    ),
    Action(
        "theme",
        "f2",
        "dark or light",
        "Change between a dark and a light screen.",
        here="change_theme",
        needs_subject=False,
    ),
    Action("help", "question_mark,f1", "help", "What the keys do here.", here="help", needs_subject=False),
    Action("quit", "q", "quit", "Leave; uploads that were begun here go on.", here="quit", needs_subject=False),
)

BY_NAME: Final = {action.name: action for action in ACTIONS}


def actions_of(screen: str) -> tuple[Action, ...]:
    """The actions that a screen offers, in the order of the table."""
    return tuple(action for action in ACTIONS if not action.screens or screen in action.screens)
