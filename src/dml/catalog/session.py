"""The HTTP session under every deriva binding: counted, retried where harmless, credentials kept home.

deriva makes a session of its own for each binding, with retries that repeat what must not be repeated
and a cookie that it never sends to a host with a port. ``Transport`` makes the ones used here instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import requests
from requests import PreparedRequest, RequestException, Response
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError
from urllib3.exceptions import InsecureRequestWarning

from dml.catalog.responses import ErrorMapper, missing_bundle, reason
from dml.catalog.retry import REPEATABLE_STATUSES, RetryPolicy, retry_after
from dml.catalog.traffic import CountingAdapter, Traffic

TIMEOUT = (6.0, 63.0)
"""Seconds to connect, and between two bytes of an answer, unless the policy sets a limit of its own."""

_UNVERIFIED = frozenset({"localhost"})
"""Hosts whose certificate deriva does not check; REQUESTS_CA_BUNDLE makes them checked."""

_REDIRECTS = 5
_SHORT_ANSWER = 4096
"""Bytes of an answer that is read to learn why a request failed."""
_OWN_HEADERS = frozenset({"Cookie", "Authorization"})


class Body(Protocol):
    """Makes a request's body anew for each try."""

    def __call__(self) -> Any: ...


@dataclass(frozen=True)
class Exchange:
    """A request that was answered.

    Attributes:
        response: The last answer, whatever its status.
        attempts: How often the request was sent; above one, an earlier try may have been carried out.
    """

    response: Response
    attempts: int


@dataclass
class Transport:
    """What all sessions of one connection share.

    Attributes:
        origin: ``scheme://host[:port]``.
        border: Makes the errors.
        traffic: The counters.
        policy: When to retry.
        headers: Headers that carry the credential; sent to the origin and nowhere else.
        transport: Makes the adapter that carries requests; None for the network.
    """

    origin: str
    border: ErrorMapper
    traffic: Traffic
    policy: RetryPolicy
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    transport: Callable[[], BaseAdapter] | None = None
    _shared: CountingAdapter | None = field(default=None, init=False, repr=False)

    def is_home(self, url: str) -> bool:
        """Whether a URL is of this origin; those that dml makes begin with it, and need not be taken apart."""
        return url.startswith(f"{self.origin}/") or origin_of(url) == self.origin

    def session(self) -> Session:
        """A new session."""
        return Session(self)

    def adapter(self) -> CountingAdapter:
        """The transport adapter of all sessions: one pool of connections for catalog, snapshots and objects."""
        if self._shared is None:
            self._shared = self.new_adapter()
        return self._shared

    def close(self) -> None:
        """Close idle connections; the next request opens one again."""
        if self._shared is not None:
            self._shared.close()

    def new_adapter(self) -> CountingAdapter:
        """A transport adapter of its own that counts with the others."""
        carrier = self.transport() if self.transport is not None else NetworkAdapter(self.policy)
        return CountingAdapter(carrier, self.traffic)


def time_limits(policy: RetryPolicy) -> tuple[float, float]:
    """Seconds to connect, and between two bytes of an answer: the policy's limit, ``TIMEOUT`` where it has none."""
    return TIMEOUT if policy.time_limit is None else (policy.time_limit, policy.time_limit)


class NetworkAdapter(HTTPAdapter):
    """Carries requests over the network with time limits, large blocks and no retries of its own."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        super().__init__(pool_maxsize=32)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Make the pool of connections; bodies go out in blocks of 256 KiB, where urllib3's default is 16 KiB.

        Sending 400 MB to this machine takes 40 % less CPU time without TLS, 18 % less with it.
        """
        super().init_poolmanager(connections, maxsize, block, blocksize=1 << 18, **options)

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send one request within the policy's time limit, ``TIMEOUT`` where it has none, unless told otherwise."""
        if options.get("timeout") is None:
            options["timeout"] = time_limits(self._policy)
        return super().send(request, *args, **options)


class Session(requests.Session):
    """A requests session with dml's rules; ``request`` serves deriva's methods, ``exchange`` ours."""

    def __init__(self, wire: Transport) -> None:
        super().__init__()
        self._wire = wire
        adapter = wire.adapter()
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        # Proxies and certificates take no part where there is no network, and looking for them in the environment is a
        # third of the time of a request to the embedded catalog.
        self.trust_env = wire.transport is None
        # A callable here also keeps requests from putting a password of ~/.netrc into the request.
        self.auth = self._sign
        if (urlsplit(wire.origin).hostname or "") in _UNVERIFIED:
            self.verify = False
            warnings.simplefilter("ignore", InsecureRequestWarning)

    def close(self) -> None:
        """Nothing to close: deriva drops sessions as it pleases, and the transport belongs to the ``Transport``."""

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> Response:
        """As in requests, with GET and HEAD retried."""
        verb, address = _text(method), _text(url)
        return self._with_retries(
            verb,
            address,
            lambda: super(Session, self).request(verb, address, *args, **options),
            stream=bool(options.get("stream")),
        ).response

    def exchange(
        self,
        method: str,
        url: str,
        *,
        body: Body | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        stream: bool = False,
    ) -> Exchange:
        """Send a request, again where that is harmless and useful.

        Args:
            method: The HTTP method.
            url: The whole URL.
            body: The body, or what makes it anew for each try.
            headers: More headers.
            repeatable: Whether a repeat is harmless; by default for GET and HEAD only.
            stream: Leave the body of the answer unread.

        Raises:
            DmlError: No answer came (RetryableError), or nothing can be asked there.
        """

        def send() -> Response:
            data = body() if callable(body) else body
            return super(Session, self).request(
                method, url, data=data, headers=dict(headers or {}), stream=stream, allow_redirects=False
            )

        return self._with_retries(method, url, send, repeatable, stream=stream)

    def _with_retries(
        self, method: str, url: str, send: Callable[[], Response], repeatable: bool | None = None, *, stream: bool
    ) -> Exchange:
        wire = self._wire
        harmless = method.upper() in ("GET", "HEAD") if repeatable is None else repeatable
        with wire.policy.begin(wire.border.host) as attempts:
            while True:
                try:
                    response = self._follow_redirects(method, send(), stream)
                except (RequestException, TransportError, OSError) as error:
                    failure = error if isinstance(error, RequestException | OSError) else OSError(type(error).__name__)
                    if harmless and _is_transient(failure) and attempts.again(f"failed ({reason(failure)})"):
                        continue
                    raise wire.border.unreachable(failure, urlsplit(url).path) from failure
                if response.status_code == 503 and _is_aborted(response) and attempts.after_abort():
                    response.close()
                    continue
                if response.status_code not in REPEATABLE_STATUSES or not harmless:
                    return Exchange(response, attempts.made)
                asked = retry_after(response.headers.get("Retry-After"))
                if not attempts.again(f"answered {response.status_code}", asked):
                    return Exchange(response, attempts.made)
                response.close()

    def _follow_redirects(self, method: str, response: Response, stream: bool) -> Response:
        """Follow redirects of reading requests within the same origin; others are the caller's to judge."""
        for _ in range(_REDIRECTS):
            target = response.headers.get("Location") if response.status_code in (301, 302, 303, 307, 308) else None
            if target is None or method.upper() not in ("GET", "HEAD"):
                break
            address = urljoin(response.url, target)
            if not self._wire.is_home(address):
                break
            response.close()
            kept = {name: value for name, value in response.request.headers.items() if name not in _OWN_HEADERS}
            response = super().request(method, address, headers=kept, stream=stream, allow_redirects=False)
        return response

    def _sign(self, request: PreparedRequest) -> PreparedRequest:
        if self._wire.is_home(request.url or ""):
            for name, value in self._wire.headers.items():
                before = request.headers.get(name) if name == "Cookie" else None
                request.headers[name] = f"{before}; {value}" if before else value
        return request


def origin_of(url: str) -> str:
    """``scheme://host[:port]`` of a URL, in lower case, without a default port."""
    parts = urlsplit(url)
    default = {"https": ":443", "http": ":80"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower().removesuffix(default or ' ')}"


def _is_aborted(response: Response) -> bool:
    """Whether ERMrest says that it aborted the transaction, as it does with one of two writes that overlap: nothing was
    done, so that a repeat is harmless whatever the method."""
    length = response.headers.get("Content-Length", "")
    return length.isdigit() and int(length) < _SHORT_ANSWER and b"Transaction aborted" in response.content


def _is_transient(error: RequestException | OSError) -> bool:
    permanent = (
        requests.exceptions.SSLError,
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
        requests.exceptions.InvalidHeader,
    )
    return not isinstance(error, permanent) and missing_bundle(error) is None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
