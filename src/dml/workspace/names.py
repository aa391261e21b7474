"""The names that may become a file or directory of a workspace.

Names come from catalogs, bags, manifests and other people's directories. A name is used unchanged or refused; it is
never altered, because two different hostile names could become the same one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

from dml.errors import UnsafePathError
from dml.safe_text import safe

MAXIMUM_BYTES = 255
"""The longest file name of common file systems, in bytes of UTF-8."""

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MAX_DECODINGS = 3
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


@lru_cache(maxsize=8_192)
def safe_file_name(name: str) -> str:
    """Return ``name`` unchanged if it may be one component of a path below a workspace.

    Raises:
        UnsafePathError: The name is empty, ``.`` or ``..``, contains a separator, a backslash, NUL, a control or
            bidirectional character, begins with ``-``, is longer than 255 bytes or not valid Unicode, or becomes such a
            name when percent-decoded (up to three times, as a careless program might do).
    """
    _check(name, name)
    decoded = name
    for _ in range(_MAX_DECODINGS):
        if not _ESCAPE.search(decoded):
            break
        decoded = unquote(decoded, errors="replace")
        _check(decoded, name)
    return name


def _check(decoded: str, name: str) -> None:
    problem = _problem(decoded)
    if problem:
        raise UnsafePathError(
            f"'{safe(name, limit=80)}' cannot be a file name: {problem}",
            hint="Rename it, or give another name with --as NAME.",
        )


def _problem(name: str) -> str:
    """Why a name is refused; empty if it is not."""
    if not name or name.isspace():
        return "it is empty"
    if name in (".", ".."):
        return "it means the same or the parent directory"
    if "/" in name or "\\" in name:
        return "it contains a path separator"
    if name.startswith("-"):
        return "it begins with '-' and would be read as an option"
    if any(character in _BIDI for character in name):
        return "it contains a character that changes the direction of text"
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        return "it contains a control character or a line break"
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    return f"it is longer than {MAXIMUM_BYTES} bytes" if len(encoded) > MAXIMUM_BYTES else ""
