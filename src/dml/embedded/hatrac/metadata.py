"""The metadata of object versions: content type, content disposition and checksums, validated on input."""

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
"""The supported metadata fields, as lower-case header names."""


class Fields(Protocol):
    """A dictionary, or the headers of a request."""

    def get(self, key: str, /) -> Any: ...


def validate(fields: Fields) -> dict[str, str]:
    """Select the metadata fields from headers or a document, and validate and normalize each.

    Raises:
        BadRequest: A checksum is not the base64 form of a digest, a disposition is not
            ``filename*=UTF-8''NAME`` with a plain file name, or a type is not a valid header value.
    """
    return {field: _validate_field(field, value) for field in FIELDS if (value := fields.get(field)) is not None}


def _validate_field(field: str, raw: object) -> str:
    if not isinstance(raw, str):
        raise BadRequest(f"{field} must be text")
    value = raw.strip()
    if field in CHECKSUMS:
        return _normalize_digest(field, value)
    if field == "content-disposition":
        match = _DISPOSITION.fullmatch(value)
        if match is None or re.search(rb"[/\\\x00]", unquote_to_bytes(match[1])):
            raise BadRequest(
                "content-disposition must be filename*=UTF-8''NAME, with NAME percent-encoded and not a path"
            )
    elif not _TYPE.fullmatch(value):
        raise BadRequest("content-type contains characters that are not allowed in a header")
    return value


def _normalize_digest(field: str, value: str) -> str:
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{field} must be base64") from error
    if len(digest) != _DIGEST_SIZES[field]:
        raise BadRequest(f"{field} must be base64 of a digest of {_DIGEST_SIZES[field]} bytes")
    return base64.b64encode(digest).decode()
