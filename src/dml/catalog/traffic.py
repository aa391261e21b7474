"""Counters of requests by method, of bytes in both directions, and a log of requests.

Every adapter of a catalog's sessions is wrapped in a ``CountingAdapter``, so retries, redirects and the requests of
deriva's methods are counted as well.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

_KEPT = 10_000


class Traffic:
    """Counters that threads may share.

    Attributes:
        bytes_sent: The declared lengths of request bodies in total.
        bytes_received: The declared lengths of response bodies in total.
        log: The last 10,000 requests as (method, path without host and query, status); status 0 without a response.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Set all counters to zero."""
        with self._lock:
            self._methods: Counter[str] = Counter()
            self.bytes_sent = 0
            self.bytes_received = 0
            self._log: deque[tuple[str, str, int]] = deque(maxlen=_KEPT)

    @property
    def requests(self) -> int:
        """The number of requests sent, including retries."""
        with self._lock:
            return self._methods.total()

    def count(self, method: str) -> int:
        """The number of requests with a method."""
        with self._lock:
            return self._methods[method.upper()]

    @property
    def log(self) -> list[tuple[str, str, int]]:
        """The requests in the order of their end."""
        with self._lock:
            return list(self._log)

    def record(self, method: str, path: str, status: int, sent: int, received: int) -> None:
        """Count one request that has ended."""
        with self._lock:
            self._methods[method.upper()] += 1
            self.bytes_sent += sent
            self.bytes_received += received
            self._log.append((method.upper(), path, status))


class CountingAdapter(BaseAdapter):
    """Passes requests to another adapter and counts them."""

    def __init__(self, transport: BaseAdapter, traffic: Traffic) -> None:
        super().__init__()
        self._transport = transport
        self._traffic = traffic

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request through the other adapter, and count it whether or not there is a response."""
        status = received = 0
        try:
            response = self._transport.send(
                request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies=proxies
            )
            status = response.status_code
            received = 0 if request.method == "HEAD" else _declared(response.headers)
            return response
        finally:
            sent = _declared(request.headers)
            self._traffic.record(request.method or "", urlsplit(request.url or "").path, status, sent, received)

    def close(self) -> None:
        """Close the connections of the other adapter."""
        self._transport.close()


def _declared(headers: Mapping[str, Any]) -> int:
    length = str(headers.get("Content-Length", "") or "")
    return int(length) if length.isdigit() else 0
