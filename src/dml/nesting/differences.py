"""Hydra overrides in the descriptions of executions, and those in which executions differ.

deriva-ml and dml end the description of a configured execution with the overrides in brackets, such as
``[overrides: learning_rate=0.001, model=cnn]``. Values may contain commas inside brackets or quotes (``layers=[1,2]``),
as in Hydra's grammar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["differing", "parse_overrides", "without_overrides"]

_OVERRIDES = re.compile(r"\[overrides: (.*)\]\s*$", re.DOTALL)
_SCANNED = 20_000
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def parse_overrides(description: str) -> dict[str, str]:
    """The overrides at the end of a description, by name without its leading ``+``; empty when there are none."""
    match = _OVERRIDES.search(description[-_SCANNED:])
    parts = _split(match.group(1)) if match else []
    pairs = (part.strip().partition("=") for part in parts)
    return {name.lstrip("+~").strip(): value.strip() for name, equals, value in pairs if equals and name.strip("+~ ")}


def without_overrides(description: str) -> str:
    """The description before its overrides."""
    start = max(0, len(description) - _SCANNED)
    match = _OVERRIDES.search(description[start:])
    return description if match is None else description[: start + match.start()].rstrip()


def differing(overrides: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Names whose values differ between executions, in the order of their first occurrence."""
    names: dict[str, None] = {name: None for values in overrides.values() for name in values}
    return [name for name in names if len({values.get(name) for values in overrides.values()}) > 1]


def _split(text: str) -> Sequence[str]:
    """Split at commas outside brackets and quotes."""
    parts, start, closing, quote = [], 0, [], ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _CLOSING:
            closing.append(_CLOSING[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character == "," and not closing:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]
