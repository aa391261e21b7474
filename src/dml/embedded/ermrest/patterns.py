"""Regular expressions of filters: PostgreSQL's advanced notation, and the SQL function that matches them.

The expressions are those of PostgreSQL's manual, "POSIX Regular Expressions". They run on the ``regex`` package, which
knows look-around, back-references and word edges as PostgreSQL does, lets other threads run while it matches, and stops
when its time is over. What PostgreSQL does not have (possessive quantifiers, fuzzy matching, named groups) is refused.
"""

from __future__ import annotations

import json
import sqlite3
from functools import lru_cache

import regex

from dml.embedded.ermrest.time_limit import TimeLimit

__all__ = ["check", "register"]

_ESCAPES = {
    "m": r"\m", "M": r"\M", "y": r"\b", "Y": r"\B", "A": r"\A", "Z": r"\Z", "a": r"\a", "b": r"\x08", "B": r"\\",
    "e": r"\x1b", "f": r"\f", "n": r"\n", "r": r"\r", "t": r"\t", "v": r"\v", "d": r"\d", "D": r"\D", "s": r"\s",
    "S": r"\S", "w": r"\w", "W": r"\W",
}  # fmt: skip
"""What a backslash with a letter means, apart from the numeric escapes."""

_TOKEN = regex.compile(
    r"""
      (?P<code>\\(?:x[0-9A-Fa-f]+|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|c.))
    | (?P<number>\\[0-9]+)
    | (?P<escape>\\.)
    | (?P<edge>\[\[:[<>]:\]\])
    | (?P<set>\[\^?\]?)
    | (?P<group>\((?:\?(?:<[=!]|[:=!\#]|.?))?)
    | (?P<quantifier>[*+?]|\{[0-9]+(?:,[0-9]*)?\})(?P<lazy>\??)
    | (?P<other>.)
    """,
    regex.VERBOSE | regex.DOTALL,
)
_CLASS = regex.compile(r"\[[:.=].*?[:.=]\]", regex.DOTALL)
_GROUPS = frozenset(["(", "(?:", "(?=", "(?!", "(?<=", "(?<!"])
_OPTIONS = regex.compile(r"\(\?([a-z]+)\)")


@lru_cache(maxsize=512)
def _compiled(pattern: str, ignore_case: bool) -> regex.Pattern[str]:
    flags = regex.DOTALL | (regex.IGNORECASE if ignore_case else 0)
    if pattern.startswith("***="):
        return regex.compile(regex.escape(pattern[4:]), flags)
    text = pattern.removeprefix("***:")
    options = _OPTIONS.match(text)
    for letter in options[1] if options else "":
        match letter:
            case "i":
                flags |= regex.IGNORECASE
            case "c":
                flags &= ~regex.IGNORECASE
            case "n" | "m":
                flags = flags & ~regex.DOTALL | regex.MULTILINE
            case "p":
                flags &= ~regex.DOTALL
            case "w":
                flags |= regex.MULTILINE
            case "x":
                flags |= regex.VERBOSE
            case "q":
                return regex.compile(regex.escape(text[options.end() :]), flags)  # type: ignore[union-attr]
            case "e" | "s" | "t":
                pass
            case _:
                raise ValueError(f"the option {letter} is not available")
    return regex.compile(_translated(text[options.end() if options else 0 :], flags), flags)


def _translated(pattern: str, flags: int) -> str:
    """The expression in the notation of the ``regex`` package."""
    parts: list[str] = []
    position, quantified = 0, False
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None:  # a backslash at the end
            raise ValueError("it ends with a backslash")
        position = token.end()
        kind, text = token.lastgroup, token[0]
        if kind == "lazy":
            if quantified:
                raise ValueError(f"{text} follows a quantifier")
            parts.append(text)
            quantified = True
            continue
        quantified = False
        match kind:
            case "set":
                part, position = _set(pattern, token.start())
                parts.append(part)
            case "group" if text == "(?#":
                position = pattern.find(")", position) + 1 or len(pattern)
            case "group" if text not in _GROUPS:
                raise ValueError(f"{text} is not a group")
            case "edge":
                parts.append(r"\m" if "<" in text else r"\M")
            case "escape":
                parts.append(_escape(text[1]))
            case "code":
                parts.append(_code(text))
            case "number":
                parts.append(r"\x00" if text == r"\0" else text)
            case "other" if text == "{":
                parts.append(r"\{")
            case "other" if text == "$" and not flags & regex.MULTILINE:
                parts.append(r"\Z")
            case _:
                parts.append(text)
    return "".join(parts)


def _escape(letter: str) -> str:
    if not letter.isalnum():
        return regex.escape(letter)
    if letter not in _ESCAPES:
        raise ValueError(f"\\{letter} is not an escape")
    return _ESCAPES[letter]


def _code(text: str) -> str:
    """A character written by its number, or a control character."""
    if text[1] == "c":
        return f"\\x{ord(text[2]) & 31:02x}"
    number = int(text[2:], 16)
    if number > 0x10FFFF:
        raise ValueError(f"{text} is not a character")
    return f"\\U{number:08x}"


def _set(pattern: str, start: int) -> tuple[str, int]:
    """A bracket expression, and the position after it."""
    position = start + 1
    parts = ["["]
    if pattern.startswith("^", position):
        parts.append("^")
        position += 1
    if pattern.startswith("]", position):
        parts.append(r"\]")
        position += 1
    while position < len(pattern):
        character = pattern[position]
        if character == "]":
            return "".join([*parts, "]"]), position + 1
        named = _CLASS.match(pattern, position)
        if named:
            name = named[0][2:-2]
            parts.append(named[0] if named[0][1] == ":" else regex.escape(name))
            position = named.end()
        elif character == "\\" and position + 1 < len(pattern):
            token = _TOKEN.match(pattern, position)
            text = token[0] if token else character
            parts.append(_code(text) if token and token.lastgroup == "code" else _escape(text[1]))
            position += len(text)
        else:
            # The package gives a meaning to doubled signs inside a set; PostgreSQL does not.
            parts.append(character if character == "-" else regex.escape(character))
            position += 1
    raise ValueError("a bracket is not closed")


def check(pattern: str, ignore_case: bool) -> None:
    """Refuse a text that is not a valid regular expression.

    Raises:
        ValueError: With a sentence for the user.
    """
    try:
        _compiled(pattern, ignore_case)
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f'"{pattern[:60]}" is not a regular expression: {error}') from None


@lru_cache(maxsize=64)
def _patterns(listed: str) -> tuple[str, ...]:
    return tuple(json.loads(listed))


def register(connection: sqlite3.Connection, limit: TimeLimit) -> None:
    """Give a connection ``matches(ignore_case, all_of_them, patterns, text)``; patterns as a JSON list.

    Args:
        connection: Gets the function.
        limit: When the matching of the current statement must end.
    """

    def matches(ignore_case: bool, all_of_them: bool, listed: str, text: object) -> int | None:
        if text is None:
            return None
        found = (
            _compiled(pattern, ignore_case).search(str(text), concurrent=True, timeout=limit.remaining())
            for pattern in _patterns(listed)
        )
        return int(all(found) if all_of_them else any(found))

    connection.create_function("matches", 4, matches, deterministic=True)
