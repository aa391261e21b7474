"""Text that a server must index: ERMrest puts every text column into a btree index, whose rows take about 2,700 bytes.

PostgreSQL compresses a long value first, so that how much fits depends on how much repeats; ``pglz`` estimates that.
Text of a user is checked before anything is written. Text of ours (a failure's message) is shortened; whoever writes it
keeps the whole elsewhere.
"""

from __future__ import annotations

from dml.embedded.ermrest.pglz import LONGEST_ROW, compressed_size
from dml.errors import UsageError
from dml.safe_text import safe

__all__ = ["LONGEST_TEXT", "fits", "require_fits", "shortened"]

LONGEST_TEXT = 2600
"""Bytes of UTF-8 that fit whatever they are; ``LONGEST_ROW`` less the headers of a row and some room."""

_ROOM = LONGEST_ROW - LONGEST_TEXT
_HEAD, _TAIL = 900, 1500
"""Bytes kept of a text that is shortened: a message says most at its end."""


def fits(text: str) -> bool:
    """Whether every server takes a text in an indexed column."""
    if len(text) <= LONGEST_TEXT // 4:
        return True
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= LONGEST_TEXT:
        return True
    compressed = compressed_size(data)
    return compressed is not None and compressed + _ROOM <= LONGEST_ROW


def require_fits(name: str, text: object) -> None:
    """Refuse a user's text that a server could not index, before anything is written.

    Args:
        name: The column or option, for the message.
        text: Anything but text passes.

    Raises:
        UsageError: It is too long; says how long it is.
    """
    if isinstance(text, str) and not fits(text):
        size = len(text.encode("utf-8", "surrogatepass"))
        raise UsageError(
            f"{safe(name)} is too long: {size:,} bytes, and a server takes about {LONGEST_TEXT:,}",
            hint="Shorten it, and keep the whole text in a file.",
        )


def shortened(text: str) -> str:
    """The text as it is if every server takes it, else its beginning and its end around a line that says so."""
    if fits(text):
        return text
    data = text.encode("utf-8", "replace")
    head, tail = data[:_HEAD].decode("utf-8", "ignore"), data[-_TAIL:].decode("utf-8", "ignore")
    left_out = len(text) - len(head) - len(tail)
    return f"{head.rstrip()}\n… {left_out:,} characters left out …\n{tail.lstrip()}"
