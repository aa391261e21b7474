"""The exit codes of every command, as shown in the help and the documentation."""

from __future__ import annotations

from typing import Final

EXIT_CODES: Final[dict[int, str]] = {
    0: "success, or nothing to do",
    1: "failed",
    2: "invalid request: wrong option, malformed RID or settings",
    3: "some of several items failed; the others succeeded",
    4: "not signed in, or not allowed",
    5: "temporary failure: network, server or disk space; try again",
    6: "not found",
    7: "locked by another process, or in the wrong state",
    8: "preflight failed",
    129: "the terminal was closed (SIGHUP)",
    130: "interrupted (Ctrl-C)",
    141: "output pipe closed by the reader",
    143: "terminated (SIGTERM)",
}

SHORT: Final = (
    "0 done · 1 failed · 2 usage · 3 some failed · 4 not allowed · 5 try again · 6 not found · "
    "7 locked or wrong state · 8 preflight failed · 129, 130, 143 by signal · 141 pipe closed"
)
