"""The dashboard in a browser: on loopback, for who has the token, without any other host; and without its extra."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from dml.api.execution import Execution
from dml.errors import ConflictError, UsageError
from dml.tui.processes import ProcessEnvironment
from dml.tui.web import WebDashboard, listen
from targets import Place
from tui.conftest import Starter

Script = Callable[[aiohttp.ClientSession, WebDashboard], Awaitable[None]]


def _served(script: Script, command: str = "true") -> None:
    """Serve on a free port of loopback while a script asks."""

    async def run() -> None:
        listening = listen("127.0.0.1", 0)
        served = WebDashboard("dml · local/1", "127.0.0.1", listening.getsockname()[1], command)
        runner = web.AppRunner(await served.application())
        await runner.setup()
        await web.SockSite(runner, listening).start()
        try:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
                await script(session, served)
        finally:
            await runner.cleanup()
            # textual-serve does not wait for the processes of its windows; the loop must not end before they do.
            while any(thread.name.startswith("asyncio-waitpid") for thread in threading.enumerate()):
                await asyncio.sleep(0.02)

    asyncio.run(run())


def test_the_page_and_what_it_loads_come_from_here_alone() -> None:
    async def script(session: aiohttp.ClientSession, served: WebDashboard) -> None:
        async with session.get(served.opening) as answer:
            assert answer.status == 200
            assert str(answer.url) == f"{served.public_url}/", "the token leaves the address"
            page = await answer.text()
            policy = answer.headers["Content-Security-Policy"]
        assert "dml · local/1" in page
        assert f'data-session-websocket-url="{served.public_url.replace("http", "ws")}/ws"' in page
        assert policy.startswith("default-src 'self';")
        for address in re.findall(r"""(?:https?:|wss?:)?//[^\s"'<>]+""", page):
            assert served.public_url.partition(":")[2] in address, f"another host: {address}"
        loaded = re.findall(r'(?:src|href)="(http[^"]+)"', page)
        assert len(loaded) == 2
        for address in loaded:
            async with session.get(address) as answer:
                assert answer.status == 200, address
                assert len(await answer.read()) > 1000
                assert answer.headers["Content-Security-Policy"] == policy

    _served(script)


def test_without_the_token_from_another_page_or_by_another_name_nothing_answers() -> None:
    async def script(session: aiohttp.ClientSession, served: WebDashboard) -> None:
        base = served.public_url
        for path in ("/", "/?token=wrong", "/ws", "/static/js/textual.js", "/download/x"):
            async with session.get(f"{base}{path}") as answer:
                assert answer.status == 403, path
                assert "contains a token" in await answer.text()
        async with session.get(served.opening) as answer:
            assert answer.status == 200
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
            for path in ("/", "/ws"):
                async with session.get(f"{base}{path}", headers=headers) as answer:
                    assert answer.status == 403, (headers, path)

    _served(script)


def test_a_window_shows_the_workspace_and_takes_keys(
    place: Place, root: Path, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ProcessEnvironment(place.target, root).environment().items():
        monkeypatch.setenv(name, value)

    async def script(session: aiohttp.ClientSession, served: WebDashboard) -> None:
        async with session.get(served.opening):
            pass
        shown = b""
        async with session.ws_connect(f"{served.public_url}/ws?width=100&height=30") as window:
            async for message in window:
                shown += message.data if isinstance(message.data, bytes) else b""
                if execution.execution_rid.encode() in shown:
                    await window.send_json(["stdin", "q"])
        assert execution.execution_rid.encode() in shown
        assert window.closed, "q ended it"

    _served(script, f"{sys.executable} -m dml.cli tui")


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_other_interfaces_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match="can be reached from other machines") as refused:
        listen(address, 0)
    assert "ssh -L" in refused.value.hint


def test_a_port_that_is_taken_is_said() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConflictError, match="cannot listen on"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_the_command_says_the_address_and_ends_when_interrupted(start: Starter) -> None:
    child = start("tui", "--web")
    assert child.stdout is not None
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}\n", child.stdout.readline())
    child.terminate()
    _, said = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "Traceback" not in said


def test_without_the_extra_the_command_names_it(tmp_path: Path, place: Place) -> None:
    (tmp_path / "textual_serve.py").write_text("raise ModuleNotFoundError('no', name='textual_serve')\n")
    done = subprocess.run(
        [sys.executable, "-m", "dml.cli", "tui", "--web"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "DML_CATALOG": str(place.target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "textual-serve is not installed" in done.stderr
    assert "pip install 'deriva-dml[web]'" in done.stderr
