"""Connections that send the head of a request together with the first bytes of its body.

The standard library writes them one after the other: for a small file that is two packets and two encrypted records
where one would do, and the server is woken up twice.
"""

from __future__ import annotations

from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

__all__ = ["JOINED", "JOINING_POOLS"]

JOINED = 1 << 16
"""Bytes of a first piece of a body above which it goes out by itself, and is not copied."""


class _Joining(HTTPConnection):
    """Keeps what is sent first of a request with a body until the body's first piece comes."""

    _keeps_head = False
    _head = b""

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """As in urllib3."""
        self._keeps_head, self._head = body is not None, b""
        super().request(method, url, body, headers, **options)
        self._flush()

    def send(self, data: Any) -> None:
        """Send, or keep the head of a request."""
        if self._keeps_head:
            self._keeps_head, self._head = False, data
        elif self._head and isinstance(data, bytes) and len(data) <= JOINED:
            head, self._head = self._head, b""
            super().send(head + data)
        else:
            self._flush()
            super().send(data)

    def _flush(self) -> None:
        """Send a head that no small piece followed."""
        head, self._head = self._head, b""
        if head:
            super().send(head)


class _JoiningSecure(_Joining, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Joining


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _JoiningSecure


JOINING_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _SecurePool}
"""For a pool manager, by scheme."""
