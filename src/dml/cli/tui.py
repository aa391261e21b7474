"""``dml tui``: the dashboard. The command only starts it; the two never import each other."""

from __future__ import annotations

import sys
from importlib import import_module

from typer import Exit

from dml.cli.frame import command, current, single

app = single("tui")


@command(
    app,
    "tui",
    examples=[("dml tui", "What runs, what is dead, what waits to be uploaded, and one key to go on.")],
)
def tui() -> None:
    """Show the dashboard of the workspace: live, until you leave with q.

    Uploads that are begun there are processes of their own and go on. `?` shows the keys.
    """
    from dml.errors import UsageError

    invocation = current()
    target, workspace = invocation.target, invocation.workspace
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the dashboard needs a terminal", hint="dml exec list --json is for programs.")
    # The layers of the house forbid that the two front ends know each other; starting one is no more than its name.
    code = import_module("dml.tui.launch").run(target, workspace, invocation.settings.get("cache"))
    if code:
        raise Exit(code)
