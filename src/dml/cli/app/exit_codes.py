"""The exit codes of every command: the one table that the help, the documentation and the tests read."""

from __future__ import annotations

from typing import Final

EXIT_CODES: Final[dict[int, str]] = {
    0: "done, or nothing was needed",
    1: "failed",
    2: "the request cannot be taken: wrong option, malformed RID or settings",
    3: "some of several items failed, the others are done",
    4: "not signed in, or not allowed",
    5: "worth trying again: network, server or disk space",
    6: "not found",
    7: "locked by another process, or in another state",
    8: "preflight says no",
    129: "the terminal was closed (SIGHUP)",
    130: "interrupted (Ctrl-C)",
    141: "the reader of the output went away (closed pipe)",
    143: "terminated (SIGTERM)",
}

SHORT: Final = (
    "0 done · 1 failed · 2 usage · 3 some failed · 4 not allowed · 5 try again · 6 not found · "
    "7 locked or another state · 8 preflight says no · 129, 130, 143 by signal · 141 pipe closed"
)
