"""Hatrac's path grammar: ``/name/space/object[:version][;resource[/argument…]]``.

Names are stored in a canonical percent-encoding, so that ``%41`` and ``A`` are the same name. They are
used as database keys and in URLs, never as file names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_to_bytes

from werkzeug.exceptions import BadRequest

_SEGMENT = re.compile(r"(?:[-._~A-Za-z0-9]|%[0-9A-Fa-f]{2})+")
_VERSION = re.compile(r"[A-Z0-9]{1,64}")

LONGEST_NAME = 228
"""Maximum bytes of the last segment of an object's name, percent-encoded. Hatrac stores a version in a file named by
this segment, ``:`` and a version id of 26 characters, and a file name can have 255 bytes."""

ROOT = "/"
"""The root namespace, which always exists and contains all others."""


@dataclass(frozen=True)
class Address:
    """The parsed path of a request.

    Attributes:
        name: The canonical name below ``/hatrac``, ``/`` for the root.
        version: The version id in the path, or None.
        resource: The sub-resource, such as ``upload``, ``versions``, ``metadata`` or ``acl``; None without one.
        arguments: The segments after the sub-resource, percent-decoded.
    """

    name: str
    version: str | None = None
    resource: str | None = None
    arguments: tuple[str, ...] = ()


def parse_address(path: str) -> Address:
    """Parse a raw path below ``/hatrac``.

    Raises:
        BadRequest: The path does not follow Hatrac's grammar.
    """
    left, semicolon, right = path.partition(";")
    segments = [segment for segment in left.split("/") if segment]
    version: str | None = None
    if segments and ":" in segments[-1]:
        segments[-1], _, version = segments[-1].partition(":")
        if not _VERSION.fullmatch(version):
            raise BadRequest("invalid version id")
    name = ROOT + "/".join(_canonical(segment) for segment in segments)
    if not semicolon:
        return Address(name, version)
    resource, *arguments = right.removesuffix("/").split("/")
    return Address(name, version, resource, tuple(unquote(argument) for argument in arguments))


def parent_of(name: str) -> str:
    """The namespace that contains a name; the root is its own parent."""
    return name.rpartition("/")[0] or ROOT


def filename_of(name: str) -> str:
    """The last segment of a name, still percent-encoded."""
    return name.rpartition("/")[2]


def is_too_long(name: str) -> bool:
    """Whether a Hatrac server, which stores objects as files, cannot store an object of this name."""
    return len(filename_of(name)) > LONGEST_NAME


def url_of(name: str, version: str | None = None) -> str:
    """The URL path of a name or of one of its versions."""
    return f"/hatrac{name}" + (f":{version}" if version else "")


def _canonical(segment: str) -> str:
    if not _SEGMENT.fullmatch(segment):
        raise BadRequest("a name consists of letters, digits and `-._~`; other characters must be percent-encoded")
    decoded = unquote_to_bytes(segment)
    # Harmless in this store, but a client may use the name as a path on its own disk.
    if any(part in (b".", b"..") for part in decoded.replace(b"\\", b"/").split(b"/")):
        raise BadRequest("a name cannot contain the segments `.` and `..`")
    return quote(decoded, safe="")
