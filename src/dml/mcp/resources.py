"""The resources ``deriva://catalog/{host}/{catalog}/ml/…``: what an assistant reads without calling a tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dml.mcp.tools import Document, Tools

__all__ = ["Resource", "resources"]

Resource = Callable[..., Awaitable[Document]]

_ROOT = "deriva://catalog/{host}/{catalog}/ml"


def resources(tools: Tools) -> dict[str, Resource]:
    """The resources by the template of their address; each reads what the tool of its kind gives."""

    async def execution(host: str, catalog: str, rid: str) -> Document:
        """One execution: state, inputs, outputs."""
        return await tools.get_execution(host, catalog, rid)

    async def executions(host: str, catalog: str) -> Document:
        """The executions of this workspace, the latest first."""
        return await tools.list_executions(host, catalog)

    async def workflows(host: str, catalog: str) -> Document:
        """The workflows of the catalog, the newest first."""
        return await tools.list_workflows(host, catalog)

    async def vocabularies(host: str, catalog: str) -> Document:
        """The controlled vocabularies of the catalog."""
        return await tools.list_vocabularies(host, catalog)

    async def terms(host: str, catalog: str, schema: str, table: str) -> Document:
        """The terms of one vocabulary."""
        return await tools.list_vocabulary_terms(host, catalog, f"{schema}:{table}")

    return {
        f"{_ROOT}/execution/{{rid}}": execution,
        f"{_ROOT}/executions": executions,
        f"{_ROOT}/workflows": workflows,
        f"{_ROOT}/vocabularies": vocabularies,
        f"{_ROOT}/vocabularies/{{schema}}/{{table}}": terms,
    }
