"""What long work tells whoever is watching: items begun, bytes moved, items finished, messages.

Functions that move bytes take a ``Progress`` and call it; they never print. The default is silent, so a caller
that shows nothing pays nothing. An implementation must accept calls from several threads at once.
"""

from __future__ import annotations

from typing import Final, Protocol

__all__ = ["SILENT", "Progress"]


class Progress(Protocol):
    """An observer of one piece of long work."""

    def begin(self, item: str, total: int | None = None) -> None:
        """Work on ``item`` (a staged name, an object's URL, a RID) begins; ``total`` is its size in bytes if known.

        Beginning an item again restarts its count: a retry sends the bytes again.
        """

    def advance(self, item: str, count: int) -> None:
        """``count`` more bytes of ``item`` are done."""

    def finish(self, item: str, outcome: str = "done") -> None:
        """``item`` is over; ``outcome`` is a word or two for people: ``uploaded``, ``already there``, ``failed``."""

    def message(self, text: str) -> None:
        """Something worth one line, such as the wait before a retry."""


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
"""The observer of those who do not watch."""
