"""Who is asking: the one local owner, known by a token when there is one.

The embedded catalog has a single identity. Without a token (in process, where whoever opens the
files owns them) every request is the owner's. With a token (served on a port) a request must carry
it, as the cookie ``webauthn`` or as a bearer token, the two ways in which DERIVA clients identify
themselves. The session document has the shape of DERIVA's ``/authn/session``.
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
    """An identity as the catalog records it (RCB, RMB) and shows it.

    Attributes:
        id: A URL that is stable for ever; what rows hold.
        display_name: A short name for people.
        full_name: The long one.
    """

    id: str
    display_name: str
    full_name: str


LOCAL_OWNER = Client(id="https://local/dml/owner", display_name="owner", full_name="Owner of the local catalog")
"""The only client of an embedded catalog."""


class Gate:
    """Decides whose request it is.

    Args:
        token: What a request must carry, or None when every caller is the local owner.
    """

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.encode()

    def client_of(self, request: Request) -> Client | None:
        """The client of a request; None when it carries no token, or a wrong one."""
        if self._token is None or any(hmac.compare_digest(self._token, sent) for sent in _tokens(request)):
            return LOCAL_OWNER
        return None

    def admit(self, request: Request) -> Client:
        """The client of a request.

        Raises:
            Unauthorized: The token is missing or wrong (401).
        """
        client = self.client_of(request)
        if client is None:
            raise Unauthorized(
                "a session is needed: send the token as the cookie `webauthn` or as a bearer token",
                www_authenticate=WWWAuthenticate("bearer", {"realm": "dml"}),
            )
        return client


def respond_session(request: Request, client: Client | None) -> Response:
    """Answer ``/authn/session``: the session document, 404 without a session.

    ``PUT`` asks a real server to prolong the session; sessions here do not end, so it shows it again.

    Raises:
        NotFound: There is no session.
        MethodNotAllowed: Any method but GET, HEAD and PUT.
    """
    if request.method not in ("GET", "HEAD", "PUT"):
        raise MethodNotAllowed(["GET", "HEAD", "PUT"], f"{request.method} is not possible on a session")
    if client is None:
        raise NotFound("there is no session")
    now = datetime.now(UTC)
    described = {"id": client.id, "display_name": client.display_name, "full_name": client.full_name}
    document = {
        "client": described,
        "attributes": [described],
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
