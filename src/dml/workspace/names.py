"""Which names may become a file or directory of a workspace.

Names come from catalogs, bags, manifests and other people's directories. A name is taken as it stands or refused;
it is never repaired, because two hostile names could be repaired into one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

from dml.errors import UnsafePathError
from dml.safe_text import safe

MAXIMUM_BYTES = 255
"""The longest file name of the usual file systems, in bytes of UTF-8."""

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CHECKED_DECODINGS = 3
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


@lru_cache(maxsize=8_192)
def safe_file_name(name: str) -> str:
    """Return ``name`` unchanged when it may be one component of a path below a workspace.

    Raises:
        UnsafePathError: It is empty, ``.`` or ``..``, holds a separator, a backslash, NUL, a control or bidirectional
            character, begins with ``-``, is longer than 255 bytes, is no valid Unicode, or becomes such a name when
            it is percent-decoded (up to three times, as a careless reader further on might).
    """
    _refuse_spelling(name, name)
    decoded = name
    for _ in range(_CHECKED_DECODINGS):
        if not _ESCAPE.search(decoded):
            break
        decoded = unquote(decoded, errors="replace")
        _refuse_spelling(decoded, name)
    return name


def safe_relative_path(path: str) -> tuple[str, ...]:
    """Split a relative path with ``/`` into components that each pass ``safe_file_name``.

    Raises:
        UnsafePathError: It is absolute or a component is refused (an empty one too, as in ``a//b``).
    """
    return tuple(safe_file_name(part) for part in path.split("/"))


def _refuse_spelling(spelling: str, name: str) -> None:
    reason = _fault(spelling)
    if reason:
        raise UnsafePathError(
            f"The name '{safe(name, limit=80)}' cannot be used for a file: {reason}",
            hint="Rename it, or give another name with --as NAME.",
        )


def _fault(name: str) -> str:
    if not name or name.isspace():
        return "it is empty"
    if name in (".", ".."):
        return "it names a directory above or the same one"
    if "/" in name or "\\" in name:
        return "it holds a path separator"
    if name.startswith("-"):
        return "it begins with '-' and would be read as an option"
    if any(character in _BIDI for character in name):
        return "it holds a character that reverses the direction of writing"
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        return "it holds a control character or a line break"
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    return f"it is longer than {MAXIMUM_BYTES} bytes" if len(encoded) > MAXIMUM_BYTES else ""
