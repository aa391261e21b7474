"""Regular expressions of filters: PostgreSQL's notation as Python's, and the SQL functions that match them."""

from __future__ import annotations

import json
import re
import sqlite3
from functools import lru_cache

__all__ = ["check", "register"]

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r"\s",
    "blank": r" \t", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9A-Fa-f", "word": r"\w",
}  # fmt: skip
_WORD_EDGES = {"m": r"\b(?=\w)", "M": r"\b(?<=\w)", "y": r"\b", "Y": r"\B", "Z": r"\Z"}
_PART = re.compile(r"\\(.)|\[:(\w+):\]|(\[\^?\]?)|(\])|(\$)", re.DOTALL)


def _translated(pattern: str) -> str:
    in_brackets = False

    def part(found: re.Match[str]) -> str:
        nonlocal in_brackets
        escaped, named, opens, closes, end = found.groups()
        if escaped is not None:
            return found[0] if in_brackets else _WORD_EDGES.get(escaped, found[0])
        if named is not None:
            return _CLASSES.get(named, found[0]) if in_brackets else found[0]
        if opens is not None:
            if in_brackets:
                return "\\" + opens
            in_brackets = True
            return opens.replace("]", "\\]")
        if closes is not None:
            in_brackets = False
            return closes
        return end if in_brackets else r"\Z"

    return _PART.sub(part, pattern)


@lru_cache(maxsize=512)
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    return re.compile(_translated(pattern), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def check(pattern: str, ignore_case: bool) -> None:
    """Raise ``ValueError`` when the text is no regular expression."""
    try:
        _compiled(pattern, ignore_case)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f'"{pattern[:60]}" is not a regular expression: {error}') from None


@lru_cache(maxsize=64)
def _patterns(listed: str) -> tuple[str, ...]:
    return tuple(json.loads(listed))


def _matches(ignore_case: bool, all_of_them: bool, listed: str, text: object) -> int | None:
    if text is None:
        return None
    found = (_compiled(pattern, ignore_case).search(str(text)) for pattern in _patterns(listed))
    return int(all(found) if all_of_them else any(found))


def register(connection: sqlite3.Connection) -> None:
    """Give a connection ``matches(ignore_case, all_of_them, patterns, text)``; patterns as a JSON list."""
    connection.create_function("matches", 4, _matches, deterministic=True)
