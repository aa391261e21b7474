"""Confirmation of destructive actions, by a prompt on a terminal and by a flag elsewhere.

Danger has degrees: ``confirm`` asks yes or no and ``--yes`` answers it; what would discard outputs that were never
uploaded wants the RID itself, typed or as ``--confirm RID``.
"""

from __future__ import annotations

import sys

from dml.errors import DmlError, UsageError
from dml.safe_text import safe

__all__ = ["confirm", "confirm_rid"]


def confirm(question: str, *, yes: bool, flag: str = "--yes") -> None:
    """Ask for confirmation and raise an error without it.

    Args:
        question: One sentence ending in a question mark.
        yes: Whether the flag was given, which answers without asking.
        flag: How the flag is spelt, for the message.

    Raises:
        UsageError: There is no terminal to ask on.
        DmlError: The answer is no.
    """
    if yes:
        return
    answer = _ask(f"{question} [y/N] ", flag)
    if answer.strip().lower() not in ("y", "yes"):
        raise DmlError("not confirmed; nothing was done")


def confirm_rid(what: str, rid: str, *, given: str | None) -> None:
    """Require the RID whose outputs would be lost, typed or as ``--confirm RID``.

    Args:
        what: What will happen, one sentence.
        rid: The RID that must be typed.
        given: The value of ``--confirm``, None when it was not given.

    Raises:
        UsageError: There is nobody to ask, or ``--confirm`` names something else.
        DmlError: Something else was typed.
    """
    flag = f"--confirm {rid}"
    if given is not None:
        if given != rid:
            raise UsageError(f"--confirm {safe(given)} does not match {rid}", hint=f"To continue, use {flag}.")
        return
    if _ask(f"{what}\nType {rid} to continue: ", flag).strip() != rid:
        raise DmlError("not confirmed; nothing was done")


def _ask(text: str, flag: str) -> str:
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        question = safe(text.partition("\n")[0].removesuffix("[y/N] ").strip())
        raise UsageError(f"confirmation required, but there is no terminal: {question}", hint=f"Give {flag}.")
    sys.stderr.write("\n".join(safe(line) for line in text.split("\n")))
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise DmlError("not confirmed; nothing was done")
    return answer
