"""Sizes as users write them: ``50G``, ``1.5 TiB``, ``800MB``."""

from __future__ import annotations

import re

from dml.errors import UsageError
from dml.safe_text import safe

__all__ = ["parse_size"]

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGTP]?)(I?B)?\s*", re.IGNORECASE)
_LETTERS = "KMGTP"


def parse_size(text: str) -> int:
    """The number of bytes that a text names; units are binary, whether written ``G``, ``GB`` or ``GiB``.

    Raises:
        UsageError: The text is not a size.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"'{safe(text, limit=40)}' is not a size", hint="Write 50G, 800MiB or a number of bytes.")
    power = _LETTERS.index(match[2].upper()) + 1 if match[2] else 0
    return int(float(match[1]) * 1024**power)
