"""A session of the SDK's own client with the server, and what its answers hold."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from dml.mcp.server import build

HERE = {"host": "local", "catalog": "1"}


class Session:
    """Calls tools on the embedded catalog 1."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The document a tool gives."""
        answer = await self.client.call_tool(name, {**HERE, **arguments})
        assert not answer.is_error, answer.content
        assert answer.structured_content is not None
        return answer.structured_content

    async def refused(self, name: str, **arguments: Any) -> str:
        """What a tool says that does not work."""
        answer = await self.client.call_tool(name, {**HERE, **arguments})
        assert answer.is_error, answer.content
        return str(getattr(answer.content[0], "text", ""))

    async def read(self, path: str) -> dict[str, Any]:
        """The document of a resource."""
        answer = await self.client.read_resource(f"deriva://catalog/local/1/ml/{path}")
        return json.loads(answer.contents[0].text)  # type: ignore[union-attr,no-any-return]

    async def unread(self, path: str) -> str:
        """What is said about a resource that cannot be read."""
        try:
            await self.client.read_resource(f"deriva://catalog/local/1/ml/{path}")
        except MCPError as error:
            return str(error)
        raise AssertionError(f"{path} could be read")


def in_session(work: Callable[[Session], Awaitable[None]], server: Any = None) -> None:
    """Do something in a session: with a server in this process, or what the client is told to start."""

    async def whole() -> None:
        async with Client(build() if server is None else server) as client:
            await work(Session(client))

    anyio.run(whole)
