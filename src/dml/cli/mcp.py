"""``dml mcp``: start the MCP server, without importing it."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

from typer import Option

from dml.cli.app.framework import command, current, single

app = single("mcp")


@command(
    app,
    "mcp",
    examples=[
        ("dml mcp --list", "List its tools and resources."),
        ("dml mcp --http --port 8765", "Serve over HTTP on this machine only; print the address and token."),
    ],
)
def mcp(
    http: Annotated[bool, Option("--http", help="Serve streamable HTTP on the loopback interface.")] = False,
    port: Annotated[
        int, Option("--port", metavar="N", min=0, max=65535, help="Port for --http; 0 picks a free one.")
    ] = 0,
    list_: Annotated[bool, Option("--list", help="List tools and resources, and exit.")] = False,
) -> None:
    """Serve assistants over the Model Context Protocol: executions, datasets, lineage and the rest as tools.

    Each tool takes host and catalog and returns the JSON of the command that it runs. Needs the extra `mcp`.
    """
    from dml.errors import UsageError

    invocation = current()
    console = invocation.console
    workspace = invocation.overrides.get("workspace")
    try:
        # The layers of the house forbid that the two front ends know each other; starting one is no more than its name.
        server = import_module("dml.mcp.server")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types", "anyio", "uvicorn", "starlette"):
            raise
        raise UsageError("the MCP SDK is not installed", hint="pip install 'deriva-dml[mcp]'") from error
    if list_:
        contents = server.contents()
        console.emit("mcp.list", contents, lambda: _print(contents))
    elif http:
        server.serve_http(port, workspace, announce=_announce)
    else:
        server.serve_stdio(workspace)


def _announce(address: str, token: str) -> None:
    import sys

    console = current().console
    payload = {"url": address, "token": token}

    def render() -> None:
        console.print(address)
        console.print(f"token={token}")

    console.emit("mcp", payload, render)
    sys.stdout.flush()


def _print(contents: dict[str, list[dict[str, str]]]) -> None:
    from dml.cli.app.output import Column

    console = current().console
    columns = [Column("", whole=True), Column("")]
    console.table(columns, [(each["name"], each["description"]) for each in contents["tools"]])
    root, mark, _ = contents["resources"][0]["uri"].partition("/ml/")
    console.print(f"{root}{mark}…")
    console.table(
        columns, [(f"…{each['uri'].removeprefix(root)}", each["description"]) for each in contents["resources"]]
    )
