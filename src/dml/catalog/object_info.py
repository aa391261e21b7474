"""Stored objects: their paths in Hatrac, whether they exist, and their length and MD5."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dml.catalog.url import quote
from dml.errors import NotFoundError, UnsafePathError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

_ROOT = "/hatrac/"

LONGEST_NAME = 228
"""Bytes of an object's name that a Hatrac on a file system takes, percent-encoded; it answers 500 to a longer one."""

_LONGEST_SUFFIX = 40
_BLOCK = 1 << 20


@dataclass(frozen=True)
class ObjectInfo:
    """A stored object.

    Attributes:
        url: Its path on the host, as requested.
        length: Bytes; -1 when the server does not say.
        md5_hex: The MD5 of its bytes in hexadecimal; empty when the server has none.
    """

    url: str
    length: int
    md5_hex: str


def object_path(table: str, md5_hex: str, filename: str) -> str:
    """The path of an asset's object: ``/hatrac/TABLE/MD5.FILENAME``, with the file name percent-encoded.

    A name that a server could not store as a file is shortened: its suffix stays, and a checksum of the whole name
    keeps it apart from others that begin alike. The row's ``Filename`` always has the whole name.

    Args:
        table: The asset table's name, without its schema.
        md5_hex: MD5 of the bytes in hexadecimal.
        filename: The file's name.
    """
    room = LONGEST_NAME - len(md5_hex) - 1
    return f"{_ROOT}{quote(table)}/{md5_hex.lower()}.{_fitted(filename, room)}"


def _fitted(filename: str, room: int) -> str:
    """A file's name, percent-encoded, in at most so many bytes."""
    encoded = quote(filename)
    if len(encoded) <= room:
        return encoded
    stem, dot, suffix = filename.rpartition(".")
    ending = quote(dot + suffix) if stem else ""
    if len(ending) > _LONGEST_SUFFIX:
        stem, ending = filename, ""
    ending = f"-{hashlib.sha256(filename.encode()).hexdigest()[:12]}{ending}"
    kept = ""
    for character in stem:
        if len(kept) + len(piece := quote(character)) + len(ending) > room:
            break
        kept += piece
    return kept + ending


def local_path(catalog: Catalog, url: str) -> str:
    """The path of an object on the catalog's host, from a path or a whole URL.

    Raises:
        NotFoundError: The URL is a reference without an object in the store (``tag:`` and the like).
        UnsafePathError: It is on another host, or not the path of an object.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("", "http", "https"):
        raise NotFoundError(f"{url[:160]!r} only refers to a file; its bytes are not in the object store")
    if parts.netloc and parts.netloc.lower() != catalog.origin.partition("://")[2]:
        raise UnsafePathError(f"refusing to fetch from {parts.hostname}: not the host of the catalog")
    segments = parts.path.split("/")
    if not parts.path.startswith(_ROOT) or ".." in segments or "." in segments or "%2e" in parts.path.lower():
        raise UnsafePathError(f"{url[:160]!r} is not the path of an object")
    return parts.path


def stat(catalog: Catalog, url: str) -> ObjectInfo | None:
    """The object stored under a URL; None when there is none.

    Hatrac answers 409 for a name that only a failed upload has used, which has no object either.
    """
    path = local_path(catalog, url)
    done = catalog.host_exchange("HEAD", path, headers={"Accept": "*/*"}, accept=(404, 409))
    if done.response.status_code in (404, 409):
        return None
    headers = done.response.headers
    length = headers.get("Content-Length", "")
    return ObjectInfo(path, int(length) if length.isdigit() else -1, md5_from_base64(headers.get("Content-MD5")))


def object_md5(catalog: Catalog, url: str) -> str:
    """MD5 of a stored object in hexadecimal, computed from its bytes, which are read block by block.

    Raises:
        NotFoundError: The bytes are not there.
    """
    checksum = hashlib.md5(usedforsecurity=False)
    exchange = catalog.host_exchange("GET", local_path(catalog, url), stream=True)
    with exchange.response as response:
        for block in response.iter_content(_BLOCK):
            checksum.update(block)
    return checksum.hexdigest()


def md5_from_base64(text: str | None) -> str:
    """A ``Content-MD5`` header in hexadecimal; empty when it is missing or malformed."""
    try:
        return base64.b64decode(text or "", validate=True).hex()
    except binascii.Error:
        return ""


def md5_to_base64(md5_hex: str) -> str:
    """A hexadecimal MD5 as the value of a ``Content-MD5`` header.

    Raises:
        UnsafePathError: The text is not the hexadecimal form of 16 bytes.
    """
    try:
        digest = bytes.fromhex(md5_hex)
    except ValueError:
        digest = b""
    if len(digest) != 16:
        raise UnsafePathError(f"{md5_hex[:60]!r} is not an MD5 in hexadecimal")
    return base64.b64encode(digest).decode()
