"""``dml tui``: start the dashboard, without importing it."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any

from typer import Exit, Option

from dml.cli.app.framework import command, current, single

app = single("tui")

_OF_THE_EXTRA = frozenset({"textual_serve", "aiohttp", "aiohttp_jinja2", "jinja2"})


@command(
    app,
    "tui",
    examples=[
        ("dml tui", "See what is running, dead or pending upload, and act on it."),
        ("dml tui --web", "In a browser on this machine; prints the address to open."),
    ],
)
def tui(
    web: Annotated[bool, Option("--web", help="Serve it to a browser on this machine.")] = False,
    port: Annotated[
        int, Option("--port", metavar="N", min=0, max=65535, help="Port for --web; 0 picks a free one.")
    ] = 0,
    interface: Annotated[
        str, Option("--host-interface", metavar="ADDRESS", help="Interface for --web; loopback only.")
    ] = "127.0.0.1",
) -> None:
    """Show the live dashboard of the workspace; q quits.

    Uploads and runs started there are separate processes and continue after it closes. `?` shows the keys. `--web`
    needs the extra `web`.
    """
    from dml.errors import UsageError

    invocation = current()
    target, workspace, cache = invocation.target, invocation.workspace, invocation.settings.get("cache_dir")
    # The layers of the house forbid that the two front ends know each other; starting one is no more than its name.
    if web:
        environment = import_module("dml.tui.processes").ProcessEnvironment(target, workspace, cache)
        _web().serve(environment, address=interface, port=port, announce=_announce)
        return
    served = "TEXTUAL_DRIVER" in os.environ  # by --web, which is the terminal then
    if not served and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the dashboard needs a terminal",
            hint="Use `dml exec list --json` in programs, or `dml tui --web` for a browser.",
        )
    code = import_module("dml.tui.launch").run(target, workspace, cache)
    if code:
        raise Exit(code)


def _web() -> Any:
    """The module that serves; it needs an extra.

    Raises:
        UsageError: The extra is not installed.
    """
    from dml.errors import UsageError

    try:
        return import_module("dml.tui.web")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OF_THE_EXTRA:
            raise
        raise UsageError("textual-serve is not installed", hint="pip install 'deriva-dml[web]'") from error


def _announce(address: str) -> None:
    console = current().console
    console.emit("tui", {"url": address}, lambda: console.print(address))
    console.say("Open it in a browser on this machine. Ctrl-C stops it; uploads and runs started there continue.")
    sys.stdout.flush()
