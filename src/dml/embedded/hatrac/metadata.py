"""What is said about content: type, suggested file name and checksums, checked where they enter."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import BadRequest

from dml.embedded.hatrac.storage import CHECKSUMS

_DISPOSITION = re.compile(r"filename\*=UTF-8''([-_.~A-Za-z0-9%]+)")
_TYPE = re.compile(r"[\x20-\x7e]{1,1000}")
_DIGEST_SIZES = {"content-md5": 16, "content-sha256": 32}

FIELDS = ("content-type", "content-disposition", *CHECKSUMS)
"""All metadata there is, by lower-case header name."""


class Given(Protocol):
    """A dictionary, or the headers of a request."""

    def get(self, key: str, /) -> Any: ...


def checked(given: Given) -> dict[str, str]:
    """The metadata among some values, each in its valid form.

    Raises:
        BadRequest: A checksum is not base64 of a digest, a disposition is not
            ``filename*=UTF-8''NAME`` with a plain file name, or a type cannot be a header.
    """
    return {field: _valid(field, value) for field in FIELDS if (value := given.get(field)) is not None}


def _valid(field: str, given: object) -> str:
    if not isinstance(given, str):
        raise BadRequest(f"{field} must be text")
    value = given.strip()
    if field in CHECKSUMS:
        return _digest(field, value)
    if field == "content-disposition":
        match = _DISPOSITION.fullmatch(value)
        if match is None or re.search(rb"[/\\\x00]", unquote_to_bytes(match[1])):
            raise BadRequest("content-disposition must be filename*=UTF-8''NAME, NAME percent-encoded and no path")
    elif not _TYPE.fullmatch(value):
        raise BadRequest("content-type holds characters that no header can")
    return value


def _digest(field: str, value: str) -> str:
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{field} must be base64") from error
    if len(digest) != _DIGEST_SIZES[field]:
        raise BadRequest(f"{field} must be base64 of a digest of {_DIGEST_SIZES[field]} bytes")
    return base64.b64encode(digest).decode()
