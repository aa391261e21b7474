"""The settings: their names, types, defaults and environment variables, and how a given value is checked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dml.errors import UsageError

__all__ = ["SETTINGS", "Setting", "Value", "check_value", "setting_name"]


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: The key in files and in ``dml config``.
        kind: ``text``, ``path``, ``count`` (an integer of at least 1) or ``seconds``.
        default: The value when nothing sets it; None when there is none.
        help: One line for people.
        choices: The only values allowed, if not empty.
    """

    name: str
    kind: str
    default: str | int | float | None
    help: str
    choices: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"DML_{self.name.upper()}"


SETTINGS: Final[Mapping[str, Setting]] = {
    setting.name: setting
    for setting in (
        Setting("host", "text", None, "The server; `local` is the embedded one."),
        Setting("catalog", "text", None, "The catalog's number or alias, HOST/NUMBER, or the catalog's URL."),
        Setting("workspace", "path", None, "Directory of the registry and staged files (~/.deriva-ml/HOST/CATALOG)."),
        Setting("cache_dir", "path", None, "Directory of downloaded bags and assets (WORKSPACE/cache)."),
        Setting("default_schema", "text", None, "The domain schema of tables that are named without a schema."),
        Setting("jobs", "count", 4, "Number of files transferred in parallel."),
        Setting("chunk_size", "count", 50_000_000, "Bytes per chunk of a large upload."),
        Setting("timeout", "seconds", 600.0, "Seconds to wait for a response of the server."),
        Setting("max_retries", "count", 3, "How many times a request is retried after a transient failure."),
        Setting("retry_delay", "seconds", 5.0, "Seconds before the first retry; the delay doubles each time."),
        Setting("progress", "text", "auto", "How progress is shown.", ("auto", "bar", "json", "none")),
    )
}


@dataclass(frozen=True)
class Value:
    """A setting's value and its origin.

    Attributes:
        name: A key of ``SETTINGS``.
        value: Text, path, integer or float by the setting's kind; None when nothing sets it.
        origin: ``flag``, an environment variable, ``FILE:LINE`` or ``default``.
    """

    name: str
    value: str | int | float | Path | None
    origin: str


def setting_name(key: str) -> str:
    """The name of the setting ``key``, which may be written with hyphens and capitals.

    Raises:
        UsageError: There is no such setting; the hint suggests the nearest.
    """
    name = key.replace("-", "_").lower()
    if name not in SETTINGS:
        near = difflib.get_close_matches(name, SETTINGS, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"The settings are {', '.join(SETTINGS)}."
        raise UsageError(f"unknown setting {key!r}", hint=hint)
    return name


def check_value(name: str, raw: Any, origin: str, *, directory: Path | None = None) -> Value:
    """Convert a given value to its setting's type.

    Args:
        name: A key of ``SETTINGS``.
        raw: The value as a flag, a variable or a file gives it.
        origin: Where it was given, for the message and the result.
        directory: What a relative path is relative to; the working directory when None.

    Raises:
        UsageError: The value is not of the setting's type, or not one of its choices.
    """
    try:
        return Value(name, _convert(SETTINGS[name], raw, directory), origin)
    except ValueError as error:
        location = f" ({origin})" if origin != "flag" else ""
        raise UsageError(f"{name} must be {error}, not {raw!r}{location}", hint=SETTINGS[name].help) from None


def _convert(setting: Setting, raw: Any, directory: Path | None) -> str | int | float | Path:
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float, Path)):
        raise ValueError("a string or a number")
    text = str(raw).strip()
    if not text or not text.isprintable():
        raise ValueError("printable text")
    if setting.choices and text not in setting.choices:
        raise ValueError(f"one of {', '.join(setting.choices)}")
    if setting.kind == "path":
        return _absolute(text, directory)
    if setting.kind == "count":
        if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) < 1:
            raise ValueError("a whole number of at least 1")
        return int(text)
    if setting.kind == "seconds":
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
            raise ValueError("a number of seconds")
        return float(text)
    return text


def _absolute(text: str, directory: Path | None) -> Path:
    try:
        path = Path(text).expanduser()
        return directory / path if directory else path.absolute()
    except (OSError, RuntimeError):  # no such user, or the working directory has been removed
        raise ValueError("a path that can be resolved") from None
