"""A connection to one catalog: requests below its path, its model, who one is, its snapshots.

``connect`` makes it and costs no request. A ``Catalog`` may be used by any number of threads; its
snapshots share its session, its counters and its time to wait.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from requests import RequestException, Response
from requests.adapters import BaseAdapter

from dml.catalog.client_context import client_context, encode_context
from dml.catalog.credentials import LOOPBACK, credential_headers, secrets_of, stored_credential
from dml.catalog.encoding import encode_json
from dml.catalog.responses import ErrorMapper
from dml.catalog.retry import RetryPolicy
from dml.catalog.schema import Schema
from dml.catalog.schema_cache import SchemaCache
from dml.catalog.session import Body, Exchange, Transport
from dml.catalog.traffic import Traffic
from dml.errors import UsageError
from dml.target import Target

if TYPE_CHECKING:
    from deriva.core import ErmrestCatalog

    from dml.catalog.bindings import Server, Store


@dataclass(frozen=True)
class Identity:
    """Who the server takes us for.

    Attributes:
        id: The client's id, as it stands in RCB and RMB.
        display_name: Short name.
        full_name: Name of the person; empty when the server has none.
    """

    id: str
    display_name: str
    full_name: str


def connect(
    target: Target,
    *,
    on_wait: Callable[[str], None] | None = None,
    credential: Mapping[str, str] | None = None,
    scheme: str | None = None,
    policy: RetryPolicy | None = None,
    transport: Callable[[], BaseAdapter] | None = None,
) -> Catalog:
    """Connect to a catalog; sends nothing yet and writes nothing.

    Args:
        target: Which catalog. The host ``local`` is answered in process by the embedded application.
        on_wait: Told, in one line, before each wait for a retry.
        credential: ``{"cookie": "webauthn=…"}`` or ``{"bearer-token": …}``; by default what deriva's
            credential file holds for the host.
        scheme: ``https`` unless told otherwise; ``http`` only for this machine. The environment variable
            ``DML_SCHEME`` says the same for hosts on loopback.
        policy: When to retry; by default ``RetryPolicy()``.
        transport: Makes what carries requests; by default the network or, for ``local``, the application.

    Raises:
        AuthError: deriva's credential file cannot be read.
        UsageError: Plain http to another machine.
    """
    scheme = _scheme(target.host, scheme)
    if target.is_embedded:
        credential = {}
        transport = transport or _embedded_transport
    elif credential is None:
        credential = stored_credential(target.host)
    rules = replace(policy or RetryPolicy(), on_wait=on_wait or (policy.on_wait if policy else None))
    wire = Transport(
        origin=f"{scheme}://{target.host}".lower(),
        border=ErrorMapper(target.host, secrets_of(credential)),
        traffic=Traffic(),
        policy=rules,
        headers=credential_headers(credential),
        transport=transport,
    )
    return Catalog(target, wire)


def _scheme(host: str, scheme: str | None) -> str:
    name = host.partition(":")[0]
    chosen = scheme or (os.environ.get("DML_SCHEME") if name in LOOPBACK else None) or "https"
    if chosen not in ("https", "http") or (chosen == "http" and name not in LOOPBACK):
        raise UsageError(f"{chosen} cannot be used for {host}: a credential would travel unprotected")
    return chosen


def _embedded_transport() -> BaseAdapter:
    from dml.embedded.application import open_application
    from dml.embedded.transport import WsgiAdapter

    return WsgiAdapter(open_application())


class Catalog:
    """One catalog over one connection; made by ``connect``.

    Attributes:
        target: Which catalog, and at which snapshot.
        traffic: What was sent and received since the connection was made.
        border: Makes errors about this host.
        policy: When requests are repeated.
    """

    def __init__(self, target: Target, wire: Transport) -> None:
        self.target = target
        self.traffic = wire.traffic
        self.border = wire.border
        self.policy = wire.policy
        self._wire = wire
        self._session = wire.session()
        self._lock = threading.RLock()
        self._schema: Schema | None = None
        self._fixed: Schema | None = None
        self._identity: list[Identity | None] = []
        self._contexts: dict[str, tuple[dict[str, Any], str]] = {}

    # deriva takes longer to load than most commands to run, and no request of dml needs it.

    @cached_property
    def server(self) -> Server:
        """deriva's binding of the host."""
        from dml.catalog.bindings import Server, session_configuration

        scheme, host = self._wire.origin.split("://")
        return Server(scheme, host, None, False, session_configuration(self._wire))

    @cached_property
    def ermrest(self) -> ErmrestCatalog:
        """deriva's binding of the catalog, for what deriva itself offers."""
        binding = self.server.connect_ermrest(self.target.catalog_id, self.target.snapshot)
        binding.dcctx.update(client_context())
        return binding

    @cached_property
    def store(self) -> Store:
        """deriva's binding of the host's objects."""
        from dml.catalog.bindings import Store, session_configuration

        scheme, host = self._wire.origin.split("://")
        binding = Store(scheme, host, None, session_configuration(self._wire))
        binding.dcctx.update(client_context())
        return binding

    def exchange(
        self,
        method: str,
        path: str,
        *,
        document: Any = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        accept: Sequence[int] = (),
        stream: bool = False,
    ) -> Exchange:
        """Send a request below the catalog's path.

        Args:
            method: The HTTP method.
            path: Below the catalog, as in ``/entity/deriva-ml:Execution``; query included, encoded.
            document: Sent as JSON unless None.
            headers: Additional headers of the request.
            repeatable: Whether a repeat is harmless; by default for GET and HEAD only.
            accept: Statuses of 300 and more that the caller judges itself.
            stream: Leave the answer's body unread; the caller closes the response.

        Raises:
            DmlError: As in ``responses``: not signed in, not allowed, not found, in conflict, unreachable.
        """
        full = self.target.catalog_path + path
        body = None if document is None else encode_json(document)
        sent = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        return self._checked("ermrest", full, accept, method, body, sent, repeatable, stream)

    def host_exchange(
        self,
        method: str,
        path: str,
        *,
        body: Body | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        accept: Sequence[int] = (),
        stream: bool = False,
    ) -> Exchange:
        """Send a request below the host, as in ``/hatrac/…`` or ``/authn/session``; otherwise as ``exchange``."""
        return self._checked("store", path, accept, method, body, headers, repeatable, stream)

    def _checked(
        self,
        binding: str,
        path: str,
        accept: Sequence[int],
        method: str,
        body: Body | bytes | None,
        headers: Mapping[str, str] | None,
        repeatable: bool | None,
        stream: bool,
    ) -> Exchange:
        sent = {"deriva-client-context": self._context(binding), **(headers or {})}
        done = self._session.exchange(
            method, self._wire.origin + path, body=body, headers=sent, repeatable=repeatable, stream=stream
        )
        if done.response.status_code >= 300 and done.response.status_code not in accept:
            with done.response:
                raise self.border.refusal(done.response, path)
        return done

    def _context(self, binding: str) -> str:
        """The header that says who asks: of deriva's binding if a program has it and may have changed it."""
        made = self.__dict__.get(binding)
        context: Mapping[str, Any] = client_context() if made is None else made.dcctx
        known = self._contexts.get(binding)
        if known is None or known[0] != context:
            encoded = encode_context(context) if made is None else str(made.dcctx.encoded())
            known = self._contexts[binding] = (dict(context), encoded)
        return known[1]

    def get_json(self, path: str) -> Any:
        """GET a JSON document below the catalog."""
        return self._document(self.exchange("GET", path), path)

    def post_json(self, path: str, body: Any, *, repeatable: bool = False) -> Any:
        """POST a JSON document; the answer's document, None where there is none.

        Args:
            path: Below the catalog, encoded.
            body: The JSON document to send.
            repeatable: A repeat is harmless, so it may be sent again after a failure.
        """
        return self._document(self.exchange("POST", path, document=body, repeatable=repeatable), path)

    def put_json(self, path: str, body: Any, *, repeatable: bool = True) -> Any:
        """PUT a JSON document; the answer's document, None where there is none."""
        return self._document(self.exchange("PUT", path, document=body, repeatable=repeatable), path)

    def delete(self, path: str) -> None:
        """DELETE below the catalog. A repeat after a lost answer would find nothing, which is what was wanted."""
        done = self.exchange("DELETE", path, repeatable=True, accept=(404,))
        if done.response.status_code == 404 and done.attempts == 1:
            raise self.border.refusal(done.response, self.target.catalog_path + path)

    def _document(self, done: Exchange, path: str) -> Any:
        return self.border.json(done.response, self.target.catalog_path + path)

    @contextmanager
    def streaming(self, path: str, *, accept_type: str = "application/x-json-stream") -> Iterator[Response]:
        """GET below the catalog with the answer's body left to be read piece by piece.

        Raises:
            AuthError: It is a page, as a server sends it to have someone sign in.
            RetryableError: The body broke off while it was read.
        """
        done = self.exchange("GET", path, headers={"Accept": accept_type}, stream=True)
        with done.response as response:
            self.border.refuse_page(response, self.target.catalog_path + path)
            try:
                yield response
            except (RequestException, OSError) as error:
                raise self.border.unreachable(error, self.target.catalog_path + path) from error

    def schema(self) -> Schema:
        """The catalog's model, fetched once; kept on disk and asked for by ETag (one request either way)."""
        with self._lock:
            return self._schema if self._schema is not None else self.refresh_schema()

    def refresh_schema(self) -> Schema:
        """The catalog's model as it is now. Writes dml's cache directory where that is possible."""
        with self._lock:
            if self._fixed is not None:
                return self._fixed
            cache = SchemaCache(self.target)
            known = cache.read()
            condition = {"If-None-Match": known.etag} if known is not None else {}
            done = self.exchange("GET", "/schema", headers=condition, accept=(304,))
            if done.response.status_code == 304 and known is not None:
                self._schema = known.schema
            else:
                document = self._document(done, "/schema")
                self._schema = Schema.from_document(document)
                cache.write(done.response.headers.get("ETag"), document)
            return self._schema

    def fix_schema(self, schema: Schema | None) -> None:
        """Take this for the catalog's model from now on, whatever it becomes; None asks the catalog again."""
        with self._lock:
            self._fixed = self._schema = schema

    def whoami(self) -> Identity | None:
        """Who the server takes us for, asked once; None when not signed in."""
        with self._lock:
            if not self._identity:
                done = self.host_exchange("GET", "/authn/session", accept=(401, 404))
                document = None
                if done.response.status_code == 200:
                    document = self.border.json(done.response, "/authn/session")
                self._identity.append(_identity(document))
            return self._identity[0]

    def at(self, snaptime: str) -> Catalog:
        """The same catalog as it was at a snapshot, on the same connection."""
        return Catalog(replace(self.target, snapshot=snaptime), self._wire)

    def live(self) -> Catalog:
        """The same catalog as it is now."""
        return self if self.target.snapshot is None else Catalog(self.target.live, self._wire)

    def snaptime(self) -> str:
        """The id of the catalog's latest snapshot."""
        return str(self.get_json("/")["snaptime"])

    def renew(self) -> None:
        """Begin the next command: the whole time to wait for retries again."""
        self.policy.renew()

    def close(self) -> None:
        """Close idle connections, also those of snapshots; the next request opens one again."""
        self._wire.close()

    @property
    def origin(self) -> str:
        """``scheme://host[:port]`` of the server."""
        return self._wire.origin

    def plain_adapter(self) -> BaseAdapter:
        """A transport of its own, which counts like this connection's and knows no credential."""
        return self._wire.new_adapter()

    def chaise_path(self, rid: str) -> str:
        """Where people look at a row: ``https://HOST/id/CATALOG/RID``."""
        at = f"@{self.target.snapshot}" if self.target.snapshot else ""
        return f"https://{urlsplit(self._wire.origin).netloc}/id/{self.target.catalog_id}/{rid}{at}"

    def chaise_table(self, table: str) -> str:
        """Where people look at the rows of a table, given as ``schema:Table``."""
        at = f"@{self.target.snapshot}" if self.target.snapshot else ""
        schema, _, name = table.partition(":")
        where = f"{quote(self.target.catalog_id, safe='')}{at}/{quote(schema, safe='')}:{quote(name, safe='')}"
        return f"https://{urlsplit(self._wire.origin).netloc}/chaise/recordset/#{where}"


def _identity(document: Any) -> Identity | None:
    client = (document or {}).get("client") if isinstance(document, dict) else None
    if not isinstance(client, dict) or not client.get("id"):
        return None
    name = str(client.get("display_name") or client["id"])
    return Identity(str(client["id"]), name, str(client.get("full_name") or ""))
