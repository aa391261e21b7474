"""One run of ``dml``: its global options, settings and console.

Commands get it from ``current()``; nothing is read from disk until a setting is needed. Imports that ``dml --help``
does not need are deferred, here and in ``options`` and ``framework``, to keep start-up fast.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dml.cli.app.output import Console
    from dml.cli.app.progress import Showing
    from dml.settings import Settings
    from dml.target import Target

__all__ = ["Invocation", "current", "enter"]

_current: ContextVar[Invocation] = ContextVar("dml_invocation")


class Invocation:
    """The global options of the command line.

    Attributes:
        overrides: Settings given as flags.
        json: Whether standard output is for a program.
        debug: Whether an error shows its traceback.
        verbosity: -1 with ``--quiet``, else the number of ``-v``.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self.overrides: dict[str, str] = {}
        self.json = False
        self.debug = debug
        self.verbosity = 0

    @cached_property
    def settings(self) -> Settings:
        """Every setting with its origin.

        Raises:
            UsageError: A settings file or value is malformed.
        """
        from dml.settings import resolve

        return resolve(self.overrides)

    @property
    def target(self) -> Target:
        """The selected catalog.

        Raises:
            UsageError: None has been chosen.
        """
        return self.settings.target

    @property
    def workspace(self) -> Path:
        """The directory of the target's workspace; it need not exist."""
        return self.settings.workspace

    @cached_property
    def console(self) -> Console:
        """The console for results and messages."""
        from dml.cli.app.output import Console

        return Console(json=self.json, verbosity=self.verbosity)

    def showing(self) -> Showing:
        """Long work shown by ``--progress``: ``with current().showing() as progress: commit(…, progress=progress)``."""
        from dml.cli.app.progress import showing

        return showing(str(self.settings.get("progress")), self.console)


def enter(invocation: Invocation) -> None:
    """Make ``invocation`` the one that ``current`` returns."""
    _current.set(invocation)


def current() -> Invocation:
    """The invocation of the running command."""
    return _current.get()
