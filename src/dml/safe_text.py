"""Untrusted text, from a catalog, a bag or a file name, made safe for a terminal or a log line.

Such text may contain escape sequences that change the screen, bidirectional overrides that reorder a file name, or a
megabyte on one line. ``safe`` removes all of that. It does not escape the markup of a renderer: show its result as
plain text, never as markup.
"""

from __future__ import annotations

import unicodedata

NEWLINE = "⏎"
"""Replaces each line break, so that one value stays on one line."""

ELLIPSIS = "…"

_SCAN_LIMIT = 100_000
"""The number of characters read when the caller sets no limit."""

_LINE_BREAKS = {"\n", "\v", "\f", "\x85", "\u2028", "\u2029"}
_VISIBLE_CONTROL = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "␡"}
_KEPT_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")
"""Format characters that belong to a script and do not reorder text."""

_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0")
"""Invisible characters that Unicode does not class as format characters."""


def safe(text: object, *, limit: int | None = None) -> str:
    """Return untrusted text as one harmless line.

    Line breaks become ``⏎``, tabs a space, other C0 and C1 controls a control picture or ``�``. Bidirectional controls,
    zero-width characters, variation selectors, private-use characters and lone surrogates are removed or replaced.

    Args:
        text: Any value; anything but a string is converted with ``str()``, None becomes an empty string.
        limit: The greatest length of the result in characters, including the ellipsis that marks a cut.

    Raises:
        ValueError: The limit is below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError("limit must be at least 1")
    whole = "" if text is None else _as_text(text)
    longest = _SCAN_LIMIT if limit is None else limit
    # Most of the text may be removed, so more is read than shown, but never without bound.
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
    except Exception:  # any __str__ may fail in any way; the type is all that can be shown
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
