"""``dml mcp``: HTTP on loopback for those who have the token, the list of tools, a missing SDK."""

from __future__ import annotations

import signal
import subprocess
import sys

import anyio
import httpx2 as httpx
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from cli.runner import DML, run
from nouns.conftest import Story

from .session import Session


def test_http_serves_who_has_the_token(story: Story) -> None:
    process = subprocess.Popen([*DML, "mcp", "--http"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        token = process.stdout.readline().strip().removeprefix("token=")
        assert address.startswith("http://127.0.0.1:")
        for headers in ({}, {"Authorization": "Bearer 0"}):
            assert httpx.post(address, json={}, headers=headers, timeout=30).status_code == 401
        elsewhere = {"Authorization": f"Bearer {token}", "Host": "evil.example.org"}
        assert httpx.post(address, json={}, headers=elsewhere, timeout=30).status_code in (400, 403, 421)

        async def work() -> None:
            async with (
                httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
                Client(streamable_http_client(address, http_client=http)) as client,
            ):
                found = await Session(client).call("list_workflows")
                assert len(found["workflows"]) >= len(story.executions)

        anyio.run(work)
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130), err
    assert "Traceback" not in err


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
