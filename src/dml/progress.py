"""The progress of long operations: items begun, bytes transferred, items finished, messages.

Functions that transfer bytes take a ``Progress`` and call it; they never print. The default does nothing. An
implementation must accept calls from several threads at once.
"""

from __future__ import annotations

from typing import Final, Protocol

__all__ = ["SILENT", "Progress"]


class Progress(Protocol):
    """An observer of one long operation."""

    def begin(self, item: str, total: int | None = None) -> None:
        """Begin ``item`` (a staged name, an object's URL, a RID), of ``total`` bytes if known.

        Beginning an item again resets its count, because a retry sends its bytes again.
        """

    def advance(self, item: str, count: int) -> None:
        """Record ``count`` more bytes of ``item``."""

    def finish(self, item: str, outcome: str = "done") -> None:
        """End ``item``; ``outcome`` is a word or two for people: ``uploaded``, ``already there``, ``failed``."""

    def message(self, text: str) -> None:
        """Report one line for people, such as the wait before a retry."""


class _Silent:
    def begin(self, item: str, total: int | None = None) -> None:
        pass

    def advance(self, item: str, count: int) -> None:
        pass

    def finish(self, item: str, outcome: str = "done") -> None:
        pass

    def message(self, text: str) -> None:
        pass


SILENT: Final[Progress] = _Silent()
"""The observer that does nothing."""
