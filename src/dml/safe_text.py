"""Text from a catalog, a bag or a file name, made safe to put on a terminal or in a log line.

Everything that did not come from dml's own source is foreign: it may hold escape sequences that repaint the
screen, bidirectional overrides that reorder a file name, or a megabyte on one line. One function takes all of that
away; markup of a renderer is a separate matter (show the result as plain text, never as markup).
"""

from __future__ import annotations

import unicodedata

NEWLINE = "⏎"
"""Shown in place of each line break, so that one value stays on one line."""

ELLIPSIS = "…"

_SCAN_LIMIT = 100_000
"""Characters looked at when the caller sets no limit: nobody reads more on a terminal."""

_LINE_BREAKS = {"\n", "\v", "\f", "\x85", "\u2028", "\u2029"}
_VISIBLE_CONTROL = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "␡"}
_KEPT_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")
"""Format characters that mark text of a script and change no neighbour's place."""

_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0")
"""Invisible characters outside the category of formats."""


def safe(text: object, *, limit: int | None = None) -> str:
    """Return foreign text as one harmless line.

    Line breaks become ``⏎``, a tab a space, other C0 and C1 controls a picture or ``�``; bidirectional controls,
    zero-width characters, variation selectors, private-use characters and lone surrogates are dropped or replaced.

    Args:
        text: Any value; what is no str is shown as ``str()`` gives it, None as an empty text.
        limit: The greatest length of the result in characters, the ellipsis that marks a cut included.

    Raises:
        ValueError: The limit is below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError("limit must be at least 1")
    whole = "" if text is None else _as_text(text)
    longest = _SCAN_LIMIT if limit is None else limit
    # What is dropped may be most of it, so more is looked at than is shown, but never without bound.
    scanned = whole[: min(_SCAN_LIMIT, 16 * longest + 64)].replace("\r\n", "\n")
    shown = "".join(map(_safe_character, scanned))
    if len(shown) > longest or len(whole) > _SCAN_LIMIT:
        return shown[: longest - 1] + ELLIPSIS
    return shown


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    try:
        return str(value)
    except Exception:  # a foreign __str__ may fail in any way; showing the type is all that is left
        return f"<{type(value).__name__}>"


def _safe_character(character: str) -> str:
    if " " <= character <= "~":
        return character
    if character in _LINE_BREAKS:
        return NEWLINE
    if character in "\t\r":
        return " " if character == "\t" else NEWLINE
    code = ord(character)
    if code in _VISIBLE_CONTROL:
        return _VISIBLE_CONTROL[code]
    return _safe_beyond_ascii(character, code)


def _safe_beyond_ascii(character: str, code: int) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Cs", "Co"):
        return "�"
    if category == "Cf":
        return character if character in _KEPT_FORMATS else ""
    if character in _HIDDEN or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
        return ""
    if category == "Zs":
        return " "
    return character
