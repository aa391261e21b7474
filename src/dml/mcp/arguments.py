"""What an assistant is told of arguments that a tool cannot take: a sentence for each, and what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from dml.safe_text import safe

__all__ = ["in_arguments", "told_of_arguments", "unknown_tool"]

_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")

_KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
}


def told_of_arguments(
    tool: str, schema: Mapping[str, Any], arguments: Mapping[str, Any], error: ValidationError | None
) -> str | None:
    """What is wrong with the arguments of a call, with a hint that names those the tool has; None when nothing is.

    Args:
        tool: The tool's name.
        schema: The JSON schema of its arguments.
        arguments: As the client gave them.
        error: What validation found, where it refused.
    """
    known: Mapping[str, Any] = schema.get("properties", {})
    told = [_unknown(name, tool, known) for name in arguments if name not in known]
    wrong: dict[str, str] = {}
    for one in error.errors(include_url=False) if error is not None else ():
        name, *rest = one["loc"]
        place = f"{name}{''.join(f'[{part}]' for part in rest if isinstance(part, int))}"
        property_ = known.get(str(name), {})
        if one["type"] == "missing":
            wrong.setdefault(place, f"{name} is missing; it is {_allowed(property_)}{_meaning(property_)}.")
        else:
            item = property_ if place == str(name) else _items(property_)
            wrong.setdefault(place, f"{place} must be {_allowed(item)}, not {_shown(one['input'])}.")
    told += wrong.values()
    return "\n".join([*told, f"hint: {_takes(tool, schema)}"]) if told else None


def unknown_tool(name: str, tools: Iterable[str]) -> str:
    """What is said of a tool that is not there."""
    near = get_close_matches(name, tools, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else "The list of tools names all there are."
    return f"There is no tool {safe(name, limit=60)}\nhint: {hint}"


def in_arguments(text: str, schema: Mapping[str, Any]) -> str:
    """What a command says, with the tool's arguments in place of options; commands in backticks stay as they are."""
    known = schema.get("properties", {})

    def named(option: re.Match[str]) -> str:
        name = option[1].replace("-", "_")
        return next((one for one in (name, f"{name}s", f"{name}_rid", f"{name}_rids") if one in known), option[0])

    pieces = text.split("`")
    pieces[::2] = [_OPTION.sub(named, piece) for piece in pieces[::2]]
    return "`".join(pieces)


def _unknown(name: str, tool: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    meant = f"; did you mean {near[0]}?" if near else "."
    return f"{safe(name, limit=60)} is no argument of {tool}{meant}"


def _takes(tool: str, schema: Mapping[str, Any]) -> str:
    required = list(schema.get("required", ()))
    others = [name for name in schema.get("properties", {}) if name not in required]
    may = f"; it may have {', '.join(others)}" if others else ""
    return f"{tool} needs {', '.join(required)}{may}."


def _choices(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]


def _items(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((one["items"] for one in _choices(schema) if "items" in one), {})
    return found


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    return " or ".join(_one_allowed(one) for one in _choices(schema))


def _one_allowed(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if schema.get("type") == "array":
        some = "a list of one or more" if schema.get("minItems") else "a list of"
        return f"{some} texts" if schema.get("items") == {"type": "string"} else f"{some} values"
    kind = _KINDS.get(str(schema.get("type")), "a value")
    return f"{kind} of {schema['minimum']} or more" if "minimum" in schema else kind


def _meaning(schema: Mapping[str, Any]) -> str:
    text = schema.get("description")
    return f": {str(text)[:1].lower()}{str(text)[1:].rstrip('.')}" if text else ""


def _shown(value: object) -> str:
    return safe(json.dumps(value, ensure_ascii=False, default=str), limit=40)
