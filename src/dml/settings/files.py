"""The files that hold settings: the user's profile, ``pyproject.toml`` and deriva-ml's ``.deriva-context.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dml.errors import UsageError
from dml.settings.definitions import SETTINGS, Value, check_value

__all__ = ["FileSettings", "is_file", "parse_toml", "project_files", "read_text", "read_toml"]

_CONTEXT_FILE = ".deriva-context.json"
_CONTEXT_NAMES = {
    "hostname": "host",
    "catalog_id": "catalog",
    "default_schema": "default_schema",
    "working_dir": "workspace",
}
_HINT = "Fix the file or remove it."


@dataclass(frozen=True)
class FileSettings:
    """What one file sets.

    Attributes:
        values: By setting; the origin is ``FILE:LINE``.
        unknown: ``FILE:LINE KEY`` of each key that is not a setting.
    """

    values: dict[str, Value] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def project_files(directory: Path | None) -> Iterator[FileSettings]:
    """The settings of the project files from a directory upwards, the strongest first.

    In one directory ``.deriva-context.json`` comes before ``[tool.dml]`` of ``pyproject.toml``.

    Args:
        directory: Where the search begins; the working directory when None.
    """
    try:
        start = (directory or Path.cwd()).resolve()
    except OSError:  # the working directory has been removed
        return
    for folder in (start, *start.parents):
        if is_file(folder / _CONTEXT_FILE):
            yield _read_context(folder / _CONTEXT_FILE)
        if is_file(folder / "pyproject.toml"):
            yield read_toml(folder / "pyproject.toml", ("tool", "dml"))


def is_file(path: Path) -> bool:
    """Whether there is such a file; False in a directory that may not be entered (HOME in some containers)."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_toml(path: Path, table: tuple[str, ...] = ()) -> FileSettings:
    """The settings in a TOML file, or in one table of it; keys may be written with hyphens.

    Raises:
        UsageError: The file cannot be read, is malformed, or a value is not of its setting's type.
    """
    text = read_text(path)
    if table and f"[{'.'.join(table)}" not in text:  # do not complain about a file that has nothing for dml
        return FileSettings()
    document = parse_toml(path, text)
    for name in table:
        document = document.get(name, {})
    keys = {key.replace("-", "_"): key for key in document}
    return FileSettings(
        {name: _value(path, text, name, key, document[key]) for name, key in keys.items() if name in SETTINGS},
        tuple(f"{path}:{_line_of(text, key)} {key}" for name, key in keys.items() if name not in SETTINGS),
    )


def _read_context(path: Path) -> FileSettings:
    text = read_text(path)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {error.lineno}: {error.msg}", hint=_HINT) from None
    if not isinstance(document, dict):
        raise UsageError(f"{path}, line 1: not a JSON object", hint=_HINT)
    keys = {name: key for key, name in _CONTEXT_NAMES.items() if document.get(key) is not None}
    return FileSettings({name: _value(path, text, name, key, document[key]) for name, key in keys.items()})


def _value(path: Path, text: str, name: str, key: str, raw: Any) -> Value:
    # A path in a file is relative to that file, wherever the command is run.
    return check_value(name, raw, f"{path}:{_line_of(text, key)}", directory=path.parent)


def parse_toml(path: Path, text: str) -> dict[str, Any]:
    """Parse the text of a TOML file.

    Raises:
        UsageError: It is malformed; the message names the line.
    """
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"\(at line (\d+)", str(error))
        line = match[1] if match else str(text.rstrip().count("\n") + 1)
        problem = str(error).partition(" (at ")[0]
        raise UsageError(f"{path}, line {line}: {problem}", hint=_HINT) from None


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        UsageError: It cannot be read or is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="Make it readable or remove it.") from None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}, line {line}: not UTF-8", hint=_HINT) from None


def _line_of(text: str, key: str) -> int:
    """The line that sets ``key``, found by its look because neither parser gives positions; 1 when not found."""
    match = re.search(rf"""^[\s{{,]*["']?{re.escape(key)}["']?\s*[=:]""", text, re.MULTILINE)
    return text.count("\n", 0, match.end()) + 1 if match else 1
