"""The server: tools and resources behind standard input and output, or behind HTTP on loopback with a token."""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from pydantic import ValidationError

from dml._version import __version__
from dml.mcp.arguments import in_arguments, told_of_arguments, unknown_tool
from dml.mcp.commands import CommandError, Runner
from dml.mcp.resources import resources
from dml.mcp.tools import READING, WRITING, Document, Tools

__all__ = ["build", "contents", "serve_http", "serve_stdio"]

INSTRUCTIONS = """\
Executions of machine-learning experiments on DERIVA catalogs. Every tool names host and catalog; host "local" is the
embedded catalog. Validate before you create; create, start, do the work, let the user's program stage its outputs with
`dml exec stage RID FILE`, then stop and commit. Errors carry a hint that says what to do next."""

LOOPBACK = "127.0.0.1"


class Server(MCPServer[Any]):
    """The SDK's server, which says in our words what is wrong with a call."""

    def __init__(self, tools: list[Tool]) -> None:
        super().__init__("dml", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING", tools=tools)
        self._known = {tool.name: tool for tool in tools}

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """Call a tool.

        Raises:
            ToolError: There is no such tool, its arguments are not as it takes them, or it failed.
        """
        tool = self._known.get(name)
        if tool is None:
            raise ToolError(unknown_tool(name, self._known))
        wrong: ValidationError | None = None
        try:
            tool.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            wrong = error
        told = told_of_arguments(name, tool.parameters, arguments, wrong)
        if told is not None:
            raise ToolError(told)
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError:
            raise
        except ToolError as error:  # the SDK puts words of its own before those of the command
            raise ToolError(in_arguments(str(error.__cause__ or error), tool.parameters)) from error


def build(runner: Runner | None = None) -> Server:
    """The server with all tools and resources, not yet serving."""
    tools = Tools(runner or Runner())
    server = Server([_tool(tools, name) for name in (*READING, *WRITING)])
    for template, read in resources(tools).items():
        name = template.partition("/ml/")[2]
        server.resource(template, name=name, description=_described(read), mime_type="application/json")(_as_text(read))
    return server


def _tool(tools: Tools, name: str) -> Tool:
    function = getattr(tools, name)
    annotations = ToolAnnotations(
        read_only_hint=name in READING,
        destructive_hint=name == "abort_execution",
        idempotent_hint=name not in ("create_execution",),
        open_world_hint=True,
    )
    tool = Tool.from_function(
        _failing_as(ToolError, function), name=name, description=_described(function), annotations=annotations
    )
    tool.parameters["additionalProperties"] = False
    return tool


def contents() -> dict[str, list[dict[str, str]]]:
    """The tools by name and the resources by address, each with its one-line description."""

    tools = Tools(Runner())
    return {
        "tools": [{"name": name, "description": _described(getattr(tools, name))} for name in (*READING, *WRITING)],
        "resources": [{"uri": uri, "description": _described(read)} for uri, read in resources(tools).items()],
    }


def serve_stdio(workspace: str | None = None) -> None:
    """Serve one client on standard input and output, to its end."""
    build(Runner(workspace)).run("stdio")


def serve_http(port: int, workspace: str | None = None, *, announce: Callable[[str, str], None]) -> None:
    """Serve clients by streamable HTTP on loopback, until interrupted.

    Args:
        port: The port; 0 takes a free one.
        workspace: The workspace of all commands.
        announce: Told the address and the token that every request must bear.
    """
    import socket

    import uvicorn

    listener = socket.create_server((LOOPBACK, port))
    token = secrets.token_hex(16)
    application = build(Runner(workspace)).streamable_http_app(host=LOOPBACK)
    server = uvicorn.Server(uvicorn.Config(_guarded(application, token), log_level="warning"))
    announce(f"http://{LOOPBACK}:{listener.getsockname()[1]}/mcp", token)
    anyio.run(server.serve, [listener])


def _described(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split())


def _failing_as(kind: type[Exception], tool: Callable[..., Awaitable[Document]]) -> Callable[..., Awaitable[Document]]:
    @functools.wraps(tool)
    async def told(*arguments: Any, **named: Any) -> Document:
        try:
            return await tool(*arguments, **named)
        except CommandError as error:
            raise kind(error.told) from error

    return told


def _as_text(read: Callable[..., Awaitable[Document]]) -> Callable[..., Awaitable[str]]:
    failing = _failing_as(ResourceError, read)

    @functools.wraps(read)
    async def text(*arguments: Any, **named: Any) -> str:
        return json.dumps(await failing(*arguments, **named))

    return text


def _guarded(application: Any, token: str) -> Any:
    """The application for requests that bear the token: another user of the machine can reach loopback as well."""
    expected = f"Bearer {token}".encode()

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        given = dict(scope.get("headers") or ()).get(b"authorization", b"")
        if scope["type"] == "http" and not secrets.compare_digest(given, expected):
            headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await application(scope, receive, send)

    return guarded
