"""Sizes as people write them: ``50G``, ``1.5 TiB``, ``800MB``; and as messages say them."""

from __future__ import annotations

import re

from dml.errors import UsageError
from dml.safe_text import safe

__all__ = ["parse_size", "size_text"]

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGTP]?)(I?B)?\s*", re.IGNORECASE)
_LETTERS = "KMGTP"


def parse_size(text: str) -> int:
    """Bytes that a text means; units are binary, whether written ``G``, ``GB`` or ``GiB``.

    Raises:
        UsageError: It is no size.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"'{safe(text, limit=40)}' is not a size", hint="Write 50G, 800MiB or a number of bytes.")
    power = _LETTERS.index(match[2].upper()) + 1 if match[2] else 0
    return int(float(match[1]) * 1024**power)


def size_text(size: int) -> str:
    """``1.2 GiB``, ``98 MiB``, ``512 B``."""
    number, unit = float(size), ""
    for letter in _LETTERS:
        if number < 1024:
            break
        number, unit = number / 1024, f"{letter}i"
    digits = 0 if not unit or number >= 99.95 else 1
    return f"{number:.{digits}f} {unit}B"
