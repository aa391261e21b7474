"""A transport in front of another that misbehaves as told: the faults of servers and networks, on cue."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from dml.catalog.connection import Catalog, connect
from dml.catalog.retry import RetryPolicy
from dml.embedded.transport import WsgiAdapter
from dml.target import Target

Action = Callable[[PreparedRequest, Callable[[], Response]], Response]


def answer(status: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> Action:
    """Answer with this, without asking the server."""
    return lambda request, _: reply(request, status, body, headers)


def answer_after(status: int, body: bytes | str = b"") -> Action:
    """Let the server act and answer with this instead."""

    def act(request: PreparedRequest, forward: Callable[[], Response]) -> Response:
        forward().close()
        return reply(request, status, body)

    return act


def reset(request: PreparedRequest, _: Callable[[], Response]) -> Response:
    """The connection fails before the server has the request."""
    raise requests.ConnectionError("reset", request=request)


def reset_after(request: PreparedRequest, forward: Callable[[], Response]) -> Response:
    """The server acts, and the connection fails before its answer comes."""
    forward().close()
    raise requests.ConnectionError("reset", request=request)


def reset_amid(count: int) -> Action:
    """The connection fails when so many bytes of the request's body have been sent."""

    def act(request: PreparedRequest, _: Callable[[], Response]) -> Response:
        body: Any = request.body
        if hasattr(body, "read"):
            body.read(count)
        raise requests.ConnectionError("reset", request=request)

    return act


def cut(count: int) -> Action:
    """The answer breaks off after so many bytes of its body."""

    def act(request: PreparedRequest, forward: Callable[[], Response]) -> Response:
        with forward() as whole:
            return reply(request, whole.status_code, whole.content[:count], dict(whole.headers))

    return act


def changed(edit: Callable[[bytes], bytes]) -> Action:
    """The answer's body is changed on the way, its headers stay."""

    def act(request: PreparedRequest, forward: Callable[[], Response]) -> Response:
        with forward() as whole:
            headers = {**whole.headers, "Content-Length": str(len(edit(whole.content)))}
            return reply(request, whole.status_code, edit(whole.content), headers)

    return act


def reply(
    request: PreparedRequest, status: int, body: bytes | str, headers: Mapping[str, str] | None = None
) -> Response:
    """A response as the network would bring it; a declared length may differ from the body's."""
    content = body.encode() if isinstance(body, str) else body
    given = dict(headers or {})
    if "Content-Length" not in {name.title() for name in given}:
        given["Content-Length"] = str(len(content))

    def application(_environ: Any, start_response: Any) -> list[bytes]:
        start_response(f"{status} Scripted", list(given.items()))
        return [content]

    return WsgiAdapter(application).send(request, stream=True)


@dataclass
class Fault:
    """What happens to the first ``times`` requests of a method whose path and query match, after ``skip``."""

    method: str
    pattern: str
    action: Action
    times: int = 1
    skip: int = 0


@dataclass
class Script(BaseAdapter):
    """The transport: faults first, then the one behind it."""

    behind: BaseAdapter | None = None
    faults: list[Fault] = field(default_factory=list)
    seen: list[PreparedRequest] = field(default_factory=list)

    def on(self, method: str, pattern: str, action: Action, *, times: int = 1, skip: int = 0) -> Script:
        self.faults.append(Fault(method, pattern, action, times, skip))
        return self

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        self.seen.append(request)

        def forward() -> Response:
            if self.behind is None:
                return reply(request, 500, "the script says nothing about this request")
            return self.behind.send(request, *args, **options)

        for fault in self.faults:
            if fault.times and fault.method == request.method and re.search(fault.pattern, request.path_url):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault.action(request, forward)
        return forward()

    def close(self) -> None:
        """Nothing is held open."""


@dataclass
class Clock:
    """A clock that moves only when something sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def patient(clock: Clock | None = None, **settings: Any) -> RetryPolicy:
    """The usual rules on a clock that never waits and the longest draw each time."""
    chosen = clock or Clock()
    return RetryPolicy(clock=chosen, sleep=chosen.sleep, draw=lambda _low, high: high, **settings)


def scripted_catalog(
    script: Script,
    target: Target | None = None,
    *,
    credential: Mapping[str, str] | None = None,
    policy: RetryPolicy | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Catalog:
    """A connection whose requests go through the script."""
    return connect(
        target or Target("data.example.org", "7"),
        credential={} if credential is None else credential,
        policy=policy or patient(),
        transport=lambda: script,
        on_wait=on_wait,
    )
