"""``dml mcp``: HTTP on loopback for those who have the token, the list of tools, a missing SDK."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx2 as httpx
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from cli.runner import DML, run
from dml.catalog.connection import Catalog
from dml.catalog.rows import select
from nouns.conftest import Story

from .session import Session
from .test_lifecycle import SOURCE


@contextmanager
def served() -> Iterator[tuple[str, str]]:
    """A server over HTTP: its address and the token; it ends quietly."""
    process = subprocess.Popen([*DML, "mcp", "--http"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        yield address, process.stdout.readline().strip().removeprefix("token=")
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130), err
    assert "Traceback" not in err


def in_http_session(address: str, token: str, work: Callable[[Session], Awaitable[None]]) -> None:
    """Do something in a session of the SDK's client over HTTP."""

    async def whole() -> None:
        async with (
            httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
            Client(streamable_http_client(address, http_client=http)) as client,
        ):
            await work(Session(client))

    anyio.run(whole)


def test_http_serves_who_has_the_token(story: Story) -> None:
    with served() as (address, token):
        assert address.startswith("http://127.0.0.1:")
        for headers in ({}, {"Authorization": "Bearer 0"}):
            assert httpx.post(address, json={}, headers=headers, timeout=30).status_code == 401
        elsewhere = {"Authorization": f"Bearer {token}", "Host": "evil.example.org"}
        assert httpx.post(address, json={}, headers=elsewhere, timeout=30).status_code in (400, 403, 421)


def test_from_creation_to_uploaded_over_http(story: Story, catalog: Catalog) -> None:
    rids: list[str] = []
    Path("model.bin").write_bytes(b"weights over HTTP")

    async def work(session: Session) -> None:
        made = await session.call(
            "create_execution", workflow_name="Train over HTTP", workflow_type=["Training"], **SOURCE
        )
        rids.append(made["rid"])
        await session.call("start_execution", execution_rid=made["rid"])
        assert run("exec", "stage", made["rid"], "model.bin", "--table", "Execution_Asset").code == 0
        await session.call("stop_execution", execution_rid=made["rid"])
        await session.call("commit_execution", execution_rid=made["rid"])
        assert (await session.read(f"execution/{made['rid']}"))["execution"]["status"] == "Uploaded"

    with served() as (address, token):
        in_http_session(address, token, work)
    assert select(catalog, "deriva-ml:Execution", where={"RID": rids[0]})[0]["Status"] == "Uploaded"
    assert [one["Filename"] for one in select(catalog, "deriva-ml:Execution_Asset", where={"Length": 17})] == [
        "model.bin"
    ]


def test_the_list_names_every_tool() -> None:
    found = run("mcp", "--list", "--json").json
    assert {"create_execution", "cite"} <= {one["name"] for one in found["tools"]}
    assert "abort_execution" in run("mcp", "--list").stdout


def test_without_the_sdk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("dml.mcp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    refused = run("mcp", "--list")
    assert refused.code == 2
    assert "pip install 'deriva-dml[mcp]'" in refused.stderr
