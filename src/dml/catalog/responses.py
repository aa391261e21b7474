"""Turns what went wrong on the wire into dml's errors: the one border for requests, ERMrest and Hatrac.

No message holds a credential: texts of a server are cut to one line and scrubbed of the secrets that
were sent to it, URLs appear as a path without host or query.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from requests import RequestException, Response
from requests import exceptions as failures
from urllib3.exceptions import HTTPError as TransportError

from dml.catalog.credentials import sign_in_hint
from dml.catalog.url import PATH_LIMIT
from dml.errors import (
    AuthError,
    ConflictError,
    DmlError,
    ForbiddenError,
    IntegrityError,
    NotFoundError,
    RetryableError,
    UsageError,
)
from dml.safe_text import safe

_TEXT_LIMIT = 300
_TEXT_READ = 4096
_TAG = re.compile(r"<[^>]*>")


class ErrorMapper:
    """Makes errors about one host.

    Args:
        host: As the user wrote it; used in messages and in the hint how to sign in.
        secrets: Values that must not appear in any message.
    """

    def __init__(self, host: str, secrets: Iterable[str] = ()) -> None:
        self.host = host
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def sign_in_hint(self) -> str:
        """How one signs in to this host."""
        return sign_in_hint(self.host)

    def refusal(self, response: Response, path: str) -> DmlError:
        """The error for a response of status 400 or more, or for a redirect that is not followed."""
        status = response.status_code
        method = response.request.method or "GET" if response.request is not None else "GET"
        where = f"{method} {_shown(path)} on {self.host}"
        said = self.server_text(response)
        if is_html(response):
            if status in (404, 414) and len(path) >= PATH_LIMIT - 200:
                return DmlError(
                    f"{self.host} refused a path of {len(path)} bytes as too long ({status}): {_shown(path)}"
                )
            if status == 404:
                return NotFoundError(
                    f"{self.host} does not serve {_shown(path)}", hint="Is this the host of a DERIVA catalog?"
                )
        if 300 <= status < 400:
            return AuthError(f"{self.host} sent {where} elsewhere, as if to sign in", hint=self.sign_in_hint())
        if status == 401:
            return AuthError(f"not signed in to {self.host}: {where} was answered 401", hint=self.sign_in_hint())
        if status == 403:
            return ForbiddenError(
                f"not allowed: {where} was answered 403{said}",
                hint=f"Ask an owner of the catalog for the right, or sign in to {self.host} as someone who has it.",
            )
        if status in (404, 410):
            return NotFoundError(f"not found: {where}{said}")
        if status in (409, 412):
            return ConflictError(f"{where} conflicts with what is stored ({status}){said}")
        if status == 413:
            return UsageError(f"{where} is too large for the server (413)", hint="Use a smaller --chunk-size.")
        if status == 414:
            return DmlError(f"{self.host} refused a path of {len(path)} bytes as too long (414)")
        if status in (408, 425, 429) or status >= 500:
            return RetryableError(f"{where} was answered {status}{said}", hint="Run the command again in a while.")
        if status == 400:
            return UsageError(f"{where} was not understood (400){said}")
        return DmlError(f"{where} was answered {status}{said}")

    def unreachable(self, error: RequestException | OSError, path: str) -> DmlError:
        """The error for a request that got no whole answer."""
        where = f"{self.host} ({_shown(path)})"
        if bundle := missing_bundle(error):
            return UsageError(
                f"{safe(bundle)} is not there, and certificates are to be checked by it",
                hint="Set REQUESTS_CA_BUNDLE to the file of the authority's certificate, or unset it.",
            )
        if isinstance(error, failures.SSLError):
            return DmlError(
                f"the certificate of {self.host} cannot be trusted",
                hint="Set REQUESTS_CA_BUNDLE to the file of its authority's certificate.",
            )
        if isinstance(error, failures.InvalidURL | failures.InvalidSchema | failures.MissingSchema):
            return UsageError(f"no request can be made of {where}")
        hint = "Check the network and run the command again."
        if _caused_by(error, ConnectionRefusedError):
            hint = "Check that the server runs and its port is right, and run the command again."
        elif _caused_by(error, socket.gaierror):
            hint = "Check the name of the host and the network, and run the command again."
        return RetryableError(f"{reason(error)}: {where}", hint=hint)

    def json(self, response: Response, path: str) -> Any:
        """The response's JSON document, None for an empty body.

        Raises:
            AuthError: It is a page, as a server sends it to have someone sign in.
            IntegrityError: It is no JSON.
        """
        self.refuse_page(response, path, response.content[:64])
        if not response.content.strip():
            return None
        try:
            # Response rows may repeat a key (ERMrest does with system columns); json keeps the last, as it should.
            return json.loads(response.content)
        except ValueError as error:
            raise IntegrityError(f"{self.host} answered {_shown(path)} with something that is not JSON") from error

    def refuse_page(self, response: Response, path: str, beginning: bytes = b"") -> None:
        """Raise an AuthError when an answer of status 200 is a page: it asks someone to sign in."""
        if is_html(response) or beginning.lstrip()[:1] == b"<":
            raise AuthError(f"{self.host} answered {_shown(path)} with a sign-in page", hint=self.sign_in_hint())

    def server_text(self, response: Response) -> str:
        """What the server said, as ``: one line``; empty when it said nothing readable."""
        if response.request is not None and response.request.method == "HEAD":
            return ""
        try:
            # Only the beginning, also of a body that has not been read yet: a refusal may be endless.
            content = next(response.iter_content(_TEXT_READ), b"")
        except (RequestException, TransportError, OSError):
            return ""
        text = content[:_TEXT_READ].decode("utf-8", "replace")
        if is_html(response):
            text = _TAG.sub(" ", text)
        line = " ".join(self.scrub(text).split())
        return f": {safe(line, limit=_TEXT_LIMIT)}" if line else ""


def is_html(response: Response) -> bool:
    """Whether the server calls its answer HTML."""
    return str(response.headers.get("Content-Type", "")).lower().startswith(("text/html", "application/xhtml"))


def reason(error: RequestException | OSError) -> str:
    """Why a request got no answer, in a few words without addresses."""
    if isinstance(error, failures.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, failures.Timeout):
        return "no answer in time"
    if isinstance(error, failures.ChunkedEncodingError | failures.ContentDecodingError):
        return "the answer broke off"
    if _caused_by(error, ConnectionRefusedError):
        return "the connection was refused"
    if _caused_by(error, socket.gaierror):
        return "the name of the host was not found"
    return "the connection failed"


def missing_bundle(error: BaseException) -> str | None:
    """The file of certificates that the environment names, when requests gave up since it is not there."""
    if type(error) is not OSError:
        return None
    # requests raises a bare OSError before anything is sent, and takes the first of these that is set.
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return named if named and not Path(named).exists() else None


def _caused_by(error: BaseException, kind: type[BaseException]) -> bool:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, kind):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _shown(path: str) -> str:
    return safe(path.partition("?")[0], limit=160)
