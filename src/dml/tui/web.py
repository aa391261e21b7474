"""The dashboard in a browser of this machine: textual-serve on loopback, with a page of our own and a token.

Whoever reaches the server drives the dashboard, so it listens on loopback only; it answers only to its own name, to
pages of its own, and to a browser that was given the token. Nothing is loaded from another host, and the browser is
told to refuse that (Content Security Policy). Each window is a dashboard process of its own, which ends with it.

Needs the extra ``web``.
"""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from textual_serve.server import Server

from dml.embedded.serve import is_loopback
from dml.errors import ConflictError, UsageError
from dml.tui.processes import ProcessEnvironment

PAGES = Path(__file__).parent / "pages"
COMMAND = shlex.join([sys.executable, "-m", "dml.cli", "tui"])


def serve(place: ProcessEnvironment, *, address: str, port: int, announce: Callable[[str], object]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        place: What each dashboard is told; it becomes part of this process's environment.
        address: The interface: loopback.
        port: The port; 0 for any free one.
        announce: Called with the address to open, token included, once connections are accepted.

    Raises:
        UsageError: The interface is not loopback.
        ConflictError: The port is taken.
    """
    listening = listen(address, port)
    os.environ.update(place.environment())
    served = WebDashboard(f"dml · {place.target}", address, listening.getsockname()[1])

    async def application() -> web.Application:
        made = await served.application()
        made.on_startup.append(_announcing(announce, served.opening))
        return made

    web.run_app(application(), sock=listening, print=None, access_log=None, shutdown_timeout=2.0)


def listen(address: str, port: int) -> socket.socket:
    """A socket on loopback.

    Raises:
        UsageError: The interface is not loopback.
        ConflictError: The port is taken.
    """
    if not is_loopback(address):
        raise UsageError(
            f"{address} can be reached from other machines, and anyone who opens the dashboard acts as you",
            hint=f"Leave --host-interface out; from elsewhere: ssh -L {port or 8000}:127.0.0.1:{port or 8000} HOST",
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        raise ConflictError(
            f"cannot listen on {address} port {port}: {error.strerror}",
            hint="Leave --port out to take a free one.",
        ) from error


class WebDashboard(Server):  # type: ignore[misc, unused-ignore]
    """The server of one dashboard.

    Args:
        title: Of the page.
        address: The interface it listens on.
        port: Its port.
        command: What each window runs.

    Attributes:
        opening: The address to open, with the token.
    """

    def __init__(self, title: str, address: str, port: int, command: str = COMMAND) -> None:
        name = f"[{address}]" if ":" in address else address
        super().__init__(command, host=name, port=port, title=title, templates_path=PAGES)
        self._token = secrets.token_urlsafe(24)
        self._cookie = f"dml-tui-{port}"
        self.opening = f"{self.public_url}/?token={self._token}"

    async def application(self) -> web.Application:
        """The server's application, guarded."""
        made: web.Application = await self._make_app()
        made.middlewares.append(self._guarding())
        return made

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the command announces the address."""

    def _guarding(self) -> Middleware:
        host = self.public_url.partition("://")[2]
        policy = (
            f"default-src 'self'; connect-src 'self' ws://{host}; style-src 'self' 'unsafe-inline';"
            " img-src 'self' data: blob:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'"
        )

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            # A page elsewhere may give its own name our address, or call us from a script.
            if request.host != host or request.headers.get("Origin", self.public_url) != self.public_url:
                raise web.HTTPForbidden(text=f"Only pages of {self.public_url} may send requests.\n")
            if request.path == "/" and self._knows(request.query.get("token")):
                found = web.HTTPFound("/")
                found.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict")
                raise found
            if not self._knows(request.cookies.get(self._cookie)):
                raise web.HTTPForbidden(text="Open the address that `dml tui --web` printed; it contains a token.\n")
            response = await handler(request)
            if not response.prepared:
                response.headers["Content-Security-Policy"] = policy
                response.headers["Referrer-Policy"] = "no-referrer"
                response.headers["X-Content-Type-Options"] = "nosniff"
            return response

        return guarded

    def _knows(self, token: str | None) -> bool:
        return secrets.compare_digest((token or "").encode(), self._token.encode())


def _announcing(announce: Callable[[str], object], address: str) -> Callable[[web.Application], Awaitable[None]]:
    async def say(app: web.Application) -> None:  # noqa: ARG001 - aiohttp gives it
        announce(address)

    return say
