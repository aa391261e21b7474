"""Authentication of requests to an embedded catalog, and DERIVA's ``/authn/session`` resource.

An embedded catalog has a single identity, the local owner. Without a token (in process, where the
caller has access to the files anyway) every request is made by the owner. With a token (served on a
port) a request must carry it in the cookie ``webauthn`` or as a bearer token, the two credentials that
DERIVA clients send. The session document has the form of DERIVA's webauthn service.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from werkzeug import Request, Response
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import MethodNotAllowed, NotFound, Unauthorized

COOKIE = "webauthn"
"""The cookie in which DERIVA clients carry their session."""

_LIFETIME = timedelta(days=1)


@dataclass(frozen=True)
class Client:
    """An identity, as recorded in rows (RCB, RMB) and in ``ERMrest_Client``.

    Attributes:
        id: A permanent URL; the value of RCB and RMB.
        display_name: A short name for people.
        full_name: The full name.
    """

    id: str
    display_name: str
    full_name: str


LOCAL_OWNER = Client(id="https://local/dml/owner", display_name="owner", full_name="Owner of the local catalog")
"""The only client of an embedded catalog."""


class Authenticator:
    """Authenticates requests.

    Args:
        token: The token that requests must carry; None to treat every request as the local owner's.
    """

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.encode()

    def find_client(self, request: Request) -> Client | None:
        """The client of a request; None if its token is missing or wrong."""
        if self._token is None or any(hmac.compare_digest(self._token, sent) for sent in _tokens(request)):
            return LOCAL_OWNER
        return None

    def authenticate(self, request: Request) -> Client:
        """The client of a request.

        Raises:
            Unauthorized: The token is missing or wrong (401).
        """
        client = self.find_client(request)
        if client is None:
            raise Unauthorized(
                "authentication is required: send the token in the cookie `webauthn` or as a bearer token",
                www_authenticate=WWWAuthenticate("bearer", {"realm": "dml"}),
            )
        return client


def respond_session(request: Request, client: Client | None) -> Response:
    """Respond to ``/authn/session`` with the session document.

    On a DERIVA server ``PUT`` extends the session; sessions here do not expire, so it returns the same document.

    Raises:
        NotFound: The request has no session.
        MethodNotAllowed: The method is not GET, HEAD or PUT.
    """
    if request.method not in ("GET", "HEAD", "PUT"):
        raise MethodNotAllowed(["GET", "HEAD", "PUT"], f"{request.method} is not allowed for a session")
    if client is None:
        raise NotFound("no session")
    now = datetime.now(UTC)
    identity = {"id": client.id, "display_name": client.display_name, "full_name": client.full_name}
    document = {
        "client": identity,
        "attributes": [identity],
        "since": now.isoformat(sep=" "),
        "expires": (now + _LIFETIME).isoformat(sep=" "),
        "seconds_remaining": int(_LIFETIME.total_seconds()),
    }
    response = Response(json.dumps(document) + "\n", content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _tokens(request: Request) -> list[bytes]:
    scheme, _, credential = request.headers.get("Authorization", "").strip().partition(" ")
    sent = request.cookies.getlist(COOKIE)
    if scheme.lower() == "bearer":
        sent.append(credential.strip())
    return [token.encode("utf-8", "surrogateescape") for token in sent]
