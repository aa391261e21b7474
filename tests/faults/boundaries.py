"""Every place where a process changes something outside itself, counted, and broken at the n-th.

Nothing of this is in the package: the functions by which it reaches files, SQLite and the network are replaced here, in
a process that a test starts for it. A boundary lies before each effect and, where an effect can be done and its answer
lost, after it as well.

``DML_FAULT=KIND:N:ACTION`` says what happens. KIND is ``file``, ``sql`` (the registry), ``http`` (requests that change
something), ``read`` (those that do not) or ``any`` (the first three). N counts from 1; a ``+`` behind it breaks all
from there on. ACTION is one of

- ``kill``, ``stop``, ``term``, ``int``, ``hup``: this process sends itself the signal;
- ``enospc``, ``edquot``, ``eio``, ``erofs``, ``emfile``: the file or registry operation fails with it;
- ``refused``: the request never leaves; ``lost``: its answer never comes; ``cut``: it breaks amid its body;
- a number: the request is answered with this status without reaching the server.

What embedded catalogs do to their own files is the server's business and is not counted.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import json
import os
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import requests

from catalog.scripted import reply
from dml.catalog.traffic import CountingAdapter

OS_EFFECTS = (
    "chmod",
    "fsync",
    "ftruncate",
    "link",
    "mkdir",
    "open",
    "pwrite",
    "remove",
    "rename",
    "replace",
    "rmdir",
    "sendfile",
    "symlink",
    "truncate",
    "unlink",
    "utime",
    "write",
)
"""Functions of ``os`` that change something; ``open`` counts only when it may write."""

SIGNALS = {
    "kill": signal.SIGKILL,
    "stop": signal.SIGSTOP,
    "term": signal.SIGTERM,
    "int": signal.SIGINT,
    "hup": signal.SIGHUP,
}
ERRORS = {name: getattr(errno, name.upper()) for name in ("enospc", "edquot", "eio", "erofs", "emfile")}
_SQLITE = {
    "enospc": (sqlite3.SQLITE_FULL, "database or disk is full"),
    "edquot": (sqlite3.SQLITE_FULL, "database or disk is full"),
    "eio": (sqlite3.SQLITE_IOERR, "disk I/O error"),
    "erofs": (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
    "emfile": (sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
}
_PASSED_OVER = (
    "dml.workspace.registry",
    "dml.workspace.connection",
    "dml.catalog.traffic",
    "dml.catalog.session",
    "dml.catalog.connection",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_HARMLESS = ("GET", "HEAD")


@dataclass
class Fault:
    """What to break, and what was met on the way.

    Attributes:
        kind, at, action: As in ``DML_FAULT``; ``at`` 0 breaks nothing.
        lasting: Everything from ``at`` on is broken.
        count: Boundaries met that this fault could have broken.
        sites: ``module function effect`` → how often it was met, whatever its kind.
        told: Called with the number of bytes of each request body that was sent.
    """

    kind: str = "any"
    at: int = 0
    action: str = "kill"
    lasting: bool = False
    count: int = 0
    sites: Counter[str] = field(default_factory=Counter)
    sent: Callable[[int], None] = lambda _count: None
    _lock: Any = field(default_factory=threading.RLock)

    @classmethod
    def parse(cls, text: str) -> Fault:
        """The fault that ``DML_FAULT`` names."""
        kind, number, action = text.split(":")
        return cls(kind, int(number.rstrip("+")), action, number.endswith("+"))

    def concerns(self, kind: str, phase: str) -> bool:
        """Whether a boundary is one that this fault can break."""
        if kind != self.kind and (self.kind != "any" or kind == "read"):
            return False
        if self.action in SIGNALS:
            return True
        if kind in ("file", "sql"):
            return self.action in ERRORS and phase != "after"
        return (phase == "after") == (self.action == "lost") and self.action not in ERRORS

    def meets(self, kind: str, phase: str, effect: str) -> bool:
        """Count a boundary; whether it is to be broken by the caller. Signals are sent here."""
        site = nearest_site()
        if site is None:
            return False
        with self._lock:
            if phase != "after":
                self.sites[f"{site} {effect}"] += 1
            if not self.concerns(kind, phase):
                return False
            self.count += 1
            hit = self.at and (self.count == self.at or (self.lasting and self.count > self.at))
            if hit and self.action in SIGNALS:
                os.kill(os.getpid(), SIGNALS[self.action])
                return False
            return bool(hit)


def nearest_site() -> str | None:
    """Module and function of the package that is at work; None when it is none, or the embedded server."""
    frame: FrameType | None = sys._getframe(2)
    passed = None
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(("dml.embedded", "faults.scenarios")):
            return passed
        if module.startswith("dml."):
            name = f"{module.removeprefix('dml.')} {frame.f_code.co_name}"
            if module not in _PASSED_OVER:
                return name
            passed = passed or name
        frame = frame.f_back
    return passed


def install(fault: Fault) -> Fault:
    """Put the boundaries into this process; there is no way back."""
    for name in OS_EFFECTS:
        _wrap_os(fault, name)
    _wrap_streams(fault)
    _wrap_sqlite(fault)
    _wrap_requests(fault)
    return fault


def install_from_environment() -> Fault:
    """As ``install``, with what ``DML_FAULT`` says."""
    return install(Fault.parse(os.environ["DML_FAULT"]))


def _break_file(fault: Fault) -> None:
    number = ERRORS[fault.action]
    raise OSError(number, os.strerror(number))


def _wrap_os(fault: Fault, name: str) -> None:
    original = getattr(os, name, None)
    if original is None:
        return

    def with_boundary(*given: Any, **more: Any) -> Any:
        harmless = name == "open" and not (given[1] if len(given) > 1 else more.get("flags", 0)) & _WRITING
        if harmless and fault.action != "emfile":
            return original(*given, **more)
        if fault.meets("file", "before", f"os.{name}"):
            _break_file(fault)
        return original(*given, **more)

    setattr(os, name, with_boundary)


class _Stream:
    """A file open for writing, with a boundary before each write and flush."""

    def __init__(self, stream: Any, fault: Fault) -> None:
        self._stream = stream
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stream)

    def write(self, content: Any) -> Any:
        if self._fault.meets("file", "before", "write"):
            with contextlib.suppress(OSError):
                self._stream.write(content[: len(content) // 2])  # a disk that fills takes a part
            _break_file(self._fault)
        return self._stream.write(content)

    def flush(self) -> None:
        if self._fault.meets("file", "before", "flush"):
            _break_file(self._fault)
        self._stream.flush()


def _wrap_streams(fault: Fault) -> None:
    original = io.open

    def with_boundary(file: Any, mode: str = "r", *given: Any, **more: Any) -> Any:
        if not set(mode) & set("wax+"):
            return original(file, mode, *given, **more)
        if not isinstance(file, int) and fault.meets("file", "before", "open"):
            _break_file(fault)
        stream = original(file, mode, *given, **more)
        return stream if nearest_site() is None else _Stream(stream, fault)

    io.open = with_boundary
    builtins.open = with_boundary  # type: ignore[assignment]


def _wrap_sqlite(fault: Fault) -> None:
    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
            return _statement(fault, self, sql, lambda: super(Connection, self).execute(sql, *given))

        def executemany(self, sql: str, *given: Any) -> sqlite3.Cursor:
            return _statement(fault, self, sql, lambda: super(Connection, self).executemany(sql, *given))

        def backup(self, *given: Any, **more: Any) -> None:
            if fault.meets("sql", "before", "backup"):
                _break_sql(fault)
            super().backup(*given, **more)

    original = sqlite3.connect

    def connect(*given: Any, **more: Any) -> sqlite3.Connection:
        if nearest_site() is not None and ":memory:" not in str(given[0]):
            more.setdefault("factory", Connection)
        return original(*given, **more)

    sqlite3.connect = connect  # type: ignore[assignment]


def _statement(fault: Fault, connection: sqlite3.Connection, sql: str, run: Callable[[], Any]) -> Any:
    word = sql.lstrip().partition(" ")[0].upper()
    opens = sql.startswith("BEGIN IMMEDIATE")
    writes = word in ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "REPLACE")
    # Killed within a transaction is killed before its commit; errors may come from any statement.
    inside = connection.in_transaction and writes and fault.action in SIGNALS
    if not (opens or writes or word == "COMMIT") or inside:
        return run()
    if fault.meets("sql", "before", word.lower()):
        _break_sql(fault)
    done = run()
    if word == "COMMIT":
        fault.meets("sql", "after", "commit")
    return done


def _break_sql(fault: Fault) -> None:
    code, text = _SQLITE[fault.action]
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    raise error


def _wrap_requests(fault: Fault) -> None:
    original = CountingAdapter.send

    def send(adapter: CountingAdapter, request: requests.PreparedRequest, *given: Any, **more: Any) -> Any:
        kind = "read" if request.method in _HARMLESS else "http"
        if fault.meets(kind, "before", f"{request.method}"):
            if fault.action == "cut" and hasattr(request.body, "read"):
                request.body.read(len(request.body) // 2)  # type: ignore[union-attr, arg-type]
            if fault.action.isdigit():
                return reply(request, int(fault.action), "broken by the test", {"Content-Type": "text/plain"})
            raise requests.ConnectionError("broken by the test", request=request)
        body = request.body
        fault.sent(len(body) if body is not None and hasattr(body, "read") else 0)
        response = original(adapter, request, *given, **more)
        if fault.meets(kind, "after", f"{request.method}"):
            response.close()
            raise requests.ConnectionError("broken by the test", request=request)
        return response

    CountingAdapter.send = send  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    install_from_environment()
    from dml.cli.__main__ import main

    sys.argv[0] = "dml"
    code = main(sys.argv[1:])
    print(json.dumps({"code": code}), file=sys.stderr)
    sys.exit(code)
