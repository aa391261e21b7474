"""Hatrac's path grammar: ``/name/space/object[:version][;resource[/argument…]]``.

Names are kept in one canonical percent-encoding, so that ``%41`` and ``A`` are one name. They are
keys in a database and parts of URLs, never names of files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_to_bytes

from werkzeug.exceptions import BadRequest

_SEGMENT = re.compile(r"(?:[-._~A-Za-z0-9]|%[0-9A-Fa-f]{2})+")
_VERSION = re.compile(r"[A-Z0-9]{1,64}")

LONGEST_NAME = 228
"""Bytes of the last part of an object's name, percent-encoded: with ``:`` and the 26 characters of a version's id it
is the name of a file, which takes 255."""

ROOT = "/"
"""The namespace that holds all others and is always there."""


@dataclass(frozen=True)
class Address:
    """What a request's path names.

    Attributes:
        name: The canonical name below ``/hatrac``, ``/`` for the root.
        version: The version asked for, or None for the name itself.
        resource: ``upload``, ``versions``, ``metadata`` or ``acl``; None for the thing itself.
        arguments: What follows the resource, percent-decoded.
    """

    name: str
    version: str | None = None
    resource: str | None = None
    arguments: tuple[str, ...] = ()


def parse_address(path: str) -> Address:
    """Read a raw path below ``/hatrac``.

    Raises:
        BadRequest: It is not of Hatrac's grammar.
    """
    left, semicolon, right = path.partition(";")
    segments = [segment for segment in left.split("/") if segment]
    version: str | None = None
    if segments and ":" in segments[-1]:
        segments[-1], _, version = segments[-1].partition(":")
        if not _VERSION.fullmatch(version):
            raise BadRequest("this is not the id of a version")
    name = ROOT + "/".join(_canonical(segment) for segment in segments)
    if not semicolon:
        return Address(name, version)
    resource, *arguments = right.removesuffix("/").split("/")
    return Address(name, version, resource, tuple(unquote(argument) for argument in arguments))


def parent_of(name: str) -> str:
    """The namespace that holds a name; the root holds itself."""
    return name.rpartition("/")[0] or ROOT


def filename_of(name: str) -> str:
    """The last part of a name, still percent-encoded."""
    return name.rpartition("/")[2]


def is_too_long(name: str) -> bool:
    """Whether a server that keeps objects as files cannot store an object of this name."""
    return len(filename_of(name)) > LONGEST_NAME


def url_of(name: str, version: str | None = None) -> str:
    """The path under which a client finds a name or one version of it."""
    return f"/hatrac{name}" + (f":{version}" if version else "")


def _canonical(segment: str) -> str:
    if not _SEGMENT.fullmatch(segment):
        raise BadRequest("a name holds letters, digits and `-._~`; everything else must be percent-encoded")
    decoded = unquote_to_bytes(segment)
    # Here they would do no harm; a client that writes the name to its own disk is another matter.
    if any(part in (b".", b"..") for part in decoded.replace(b"\\", b"/").split(b"/")):
        raise BadRequest("`.` and `..` are not names, nor parts of names")
    return quote(decoded, safe="")
