"""Every setting, where its value came from, and the target they choose.

A value is looked for in this order, and the first place that has it wins: the command's flag; the environment
(``DML_HOST`` …); the project (``.deriva-context.json`` or ``[tool.dml]`` of ``pyproject.toml``, walking up from the
working directory: the nearer directory wins, and in one directory the context file); the user's profile
(``profile.toml`` in the configuration directory); the default.

A catalog id means nothing on another host, and a workspace belongs to one catalog. So a place that names another
host than the places below it does not inherit their catalog, and one that names another catalog not their workspace.

Nothing here speaks to a server, and reading creates nothing.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from dml import directories
from dml.errors import DmlError, UsageError
from dml.target import Target

__all__ = [
    "SETTINGS",
    "Setting",
    "Settings",
    "Value",
    "known_name",
    "profile_path",
    "resolve",
    "unset_profile",
    "write_profile",
]

_CONTEXT_FILE = ".deriva-context.json"
_CONTEXT_NAMES = {
    "hostname": "host",
    "catalog_id": "catalog",
    "default_schema": "default_schema",
    "working_dir": "workspace",
}


@dataclass(frozen=True)
class Setting:
    """One thing that can be set.

    Attributes:
        name: The key in files and in ``dml config``.
        kind: ``text``, ``path``, ``count`` (an integer of at least 1), ``seconds`` or one of the choices.
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
        Setting("catalog", "text", None, "The catalog's number or alias, or HOST/NUMBER, or its URL."),
        Setting("workspace", "path", None, "Directory of the registry and staged files (~/.deriva-ml/HOST/CATALOG)."),
        Setting("cache", "path", None, "Directory of downloaded bags and assets (WORKSPACE/cache)."),
        Setting("default_schema", "text", None, "The domain schema used where a table is named without one."),
        Setting("jobs", "count", 4, "How many files are transferred at the same time."),
        Setting("chunk_size", "count", 50_000_000, "Bytes of one piece of a large upload."),
        Setting("timeout", "seconds", 600.0, "Seconds to wait for an answer of the server."),
        Setting("max_retries", "count", 3, "How often a request that may be repeated is tried again."),
        Setting("retry_delay", "seconds", 5.0, "Seconds before the first repeat; each further wait is doubled."),
        Setting("progress", "text", "auto", "How long work is shown.", ("auto", "bar", "json", "none")),
    )
}


@dataclass(frozen=True)
class Value:
    """A setting's value and the place it came from.

    Attributes:
        name: Key of ``SETTINGS``.
        value: Text, path, integer or float by the setting's kind; None when nothing sets it.
        origin: ``flag``, an environment variable, ``FILE:LINE`` or ``default``.
    """

    name: str
    value: str | int | float | Path | None
    origin: str


@dataclass(frozen=True)
class Settings:
    """All settings of one invocation.

    Attributes:
        values: By name, in the order of ``SETTINGS``.
        unknown: ``FILE:LINE KEY`` of what the files hold and nobody reads.
    """

    values: Mapping[str, Value]
    unknown: tuple[str, ...] = ()

    def get(self, name: str) -> Any:
        """The value of the setting ``name`` alone."""
        return self.values[name].value

    def origin(self, name: str) -> str:
        """Where the value of ``name`` came from."""
        return self.values[name].origin

    @property
    def has_target(self) -> bool:
        """Whether a catalog has been chosen."""
        return self.get("host") is not None and self.get("catalog") is not None

    @property
    def target(self) -> Target:
        """The catalog that commands speak to.

        Raises:
            UsageError: None has been chosen, or what was chosen is no host or catalog id.
        """
        host, catalog = self.get("host"), self.get("catalog")
        if host is None and catalog is None:
            raise UsageError(
                "no catalog has been chosen",
                hint="`dml catalog use HOST/NUMBER` chooses one, `dml demo` makes one; or give --host and --catalog.",
            )
        if catalog is None:
            raise UsageError(f"no catalog of {host} has been chosen", hint="Give --catalog NUMBER.")
        if host is None:
            raise UsageError(f"catalog {catalog} of which host?", hint="Give --host NAME (`local`: the embedded one).")
        return Target.parse(f"{host}/{catalog}")

    @property
    def workspace(self) -> Path:
        """The workspace's directory: as set, else the target's own place.

        Raises:
            UsageError: Neither a workspace nor a target has been chosen.
        """
        chosen = self.get("workspace")
        return chosen if chosen is not None else self.target.default_workspace


class _Layer(NamedTuple):
    """What one place says: setting → (raw value, origin)."""

    values: dict[str, tuple[Any, str]]
    unknown: tuple[str, ...] = ()


def profile_path() -> Path:
    """The user's profile, which need not exist."""
    return directories.config_directory() / "profile.toml"


def resolve(overrides: Mapping[str, object] | None = None, *, directory: Path | None = None) -> Settings:
    """Find the value of every setting.

    Args:
        overrides: Values of flags by setting; None counts as not given.
        directory: Where the search for the project begins; the working directory by default.

    Raises:
        UsageError: A file is malformed (named with its line), or a value is not of its kind.
    """
    layers = [_profile_layer(), *reversed(list(_project_layers(directory))), _environment_layer()]
    layers.append(_Layer({name: (value, "flag") for name, value in (overrides or {}).items() if value is not None}))
    chosen: dict[str, Value] = {}
    for layer in layers:
        values = {name: _convert(name, raw, origin) for name, (raw, origin) in layer.values.items()}
        _split_catalog(values)
        _forget_other_target(chosen, values)
        chosen.update(values)
    return Settings(
        {name: chosen.get(name, Value(name, setting.default, "default")) for name, setting in SETTINGS.items()},
        tuple(entry for layer in layers for entry in layer.unknown),
    )


def _split_catalog(values: dict[str, Value]) -> None:
    """Let ``catalog`` name the host as well: ``HOST/NUMBER`` or a URL."""
    given = values.get("catalog")
    if given is None or "/" not in str(given.value):
        return
    target = Target.parse(str(given.value))
    at = f"@{target.snapshot}" if target.snapshot else ""
    values["host"] = Value("host", target.host, given.origin)
    values["catalog"] = Value("catalog", target.catalog_id + at, given.origin)


def _forget_other_target(chosen: dict[str, Value], values: dict[str, Value]) -> None:
    for name, bound in (("host", ("catalog", "workspace")), ("catalog", ("workspace",))):
        if name in values and name in chosen and values[name].value != chosen[name].value:
            for other in bound:
                chosen.pop(other, None)


def _convert(name: str, raw: Any, origin: str) -> Value:
    setting = SETTINGS[name]
    try:
        return Value(name, _typed(setting, raw), origin)
    except ValueError as error:
        where = f" ({origin})" if origin != "flag" else ""
        raise UsageError(f"{name} = {raw!r} is not {error}{where}", hint=setting.help) from None


def _typed(setting: Setting, raw: Any) -> str | int | float | Path:
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float, Path)):
        raise ValueError("a plain value")
    text = str(raw).strip()
    if not text or not text.isprintable():
        raise ValueError("printable text")
    if setting.choices and text not in setting.choices:
        raise ValueError(f"one of {', '.join(setting.choices)}")
    if setting.kind == "path":
        return _absolute(text)
    if setting.kind == "count":
        if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) < 1:
            raise ValueError("a whole number of at least 1")
        return int(text)
    if setting.kind == "seconds":
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
            raise ValueError("a number of seconds")
        return float(text)
    return text


def _absolute(text: str, folder: Path | None = None) -> Path:
    try:
        path = Path(text).expanduser()
        return folder / path if folder else path.absolute()
    except (OSError, RuntimeError):  # no such user, or the working directory has been removed
        raise ValueError("a path that can be resolved") from None


def _environment_layer() -> _Layer:
    found = ((name, os.environ.get(setting.variable, ""), setting.variable) for name, setting in SETTINGS.items())
    return _Layer({name: (value, variable) for name, value, variable in found if value})


def _project_layers(directory: Path | None) -> Iterator[_Layer]:
    """The layers of the project files, the strongest first."""
    try:
        start = (directory or Path.cwd()).resolve()
    except OSError:  # the working directory has been removed
        return
    for folder in (start, *start.parents):
        context, project = folder / _CONTEXT_FILE, folder / "pyproject.toml"
        if _is_file(context):
            yield _context_layer(context)
        if _is_file(project):
            yield _toml_layer(project, ("tool", "dml"))


def _profile_layer() -> _Layer:
    path = profile_path()
    return _toml_layer(path, ()) if _is_file(path) else _Layer({})


def _is_file(path: Path) -> bool:
    """Whether there is such a file; one in a directory that may not be entered (a container's HOME) is not there."""
    try:
        return path.is_file()
    except OSError:
        return False


def _context_layer(path: Path) -> _Layer:
    text = _read(path)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {error.lineno}: {error.msg}", hint="Mend the file or remove it.") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path}, line 1: not a JSON object", hint="Mend the file or remove it.")
    known = {name: key for key, name in _CONTEXT_NAMES.items() if document.get(key) is not None}
    return _Layer({name: _file_value(path, text, name, key, document[key]) for name, key in known.items()})


def _toml_layer(path: Path, table: tuple[str, ...]) -> _Layer:
    text = _read(path)
    if table and f"[{'.'.join(table)}" not in text:
        return _Layer({})
    document = _parse_toml(path, text)
    for name in table:
        document = document.get(name, {})
    names = {key.replace("-", "_"): key for key in document}
    unknown = [f"{path}:{_line_of(text, key)} {key}" for name, key in names.items() if name not in SETTINGS]
    known = {name: key for name, key in names.items() if name in SETTINGS}
    values = {name: _file_value(path, text, name, key, document[key]) for name, key in known.items()}
    return _Layer(values, tuple(unknown))


def _file_value(path: Path, text: str, name: str, key: str, raw: Any) -> tuple[Any, str]:
    """A value with its place; a path in a file is relative to that file, wherever the command was started."""
    origin = f"{path}:{_line_of(text, key)}"
    if SETTINGS[name].kind == "path" and isinstance(raw, str):
        try:
            return _absolute(raw, path.parent), origin
        except ValueError as error:
            raise UsageError(f"{name} = {raw!r} is not {error} ({origin})", hint=SETTINGS[name].help) from None
    return raw, origin


def _parse_toml(path: Path, text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = found.group(1) if found else str(text.rstrip().count("\n") + 1)
        problem = str(error).partition(" (at ")[0]
        raise UsageError(f"{path}, line {line}: {problem}", hint="Mend the file or remove it.") from None


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="Make it readable or remove it.") from None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}, line {line}: not UTF-8", hint="Mend the file or remove it.") from None


def _line_of(text: str, key: str) -> int:
    """The line that sets ``key``, 1 when it cannot be told."""
    pattern = re.compile(rf"""^[\s{{,]*["']?{re.escape(key)}["']?\s*[=:]""", re.MULTILINE)
    found = pattern.search(text)
    if found is None:
        return 1
    return text.count("\n", 0, found.end()) + 1


def write_profile(key: str, value: str | int | float | Path) -> Path:
    """Set ``key`` in the user's profile, leaving the other lines as they are.

    Returns:
        The profile's path.

    Raises:
        UsageError: No such setting, or the value is not of its kind.
        DmlError: The profile cannot be written.
    """
    name = known_name(key)
    typed = _convert(name, value, "flag").value
    literal = str(typed) if isinstance(typed, (int, float)) else json.dumps(str(typed), ensure_ascii=False)
    return _edit_profile(name, f"{name} = {literal}")


def unset_profile(key: str) -> bool:
    """Remove ``key`` from the user's profile; False when it was not there."""
    name = known_name(key)
    if name not in _profile_layer().values:
        return False
    _edit_profile(name, None)
    return True


def known_name(key: str) -> str:
    """The name of the setting ``key`` (hyphens and capitals are taken as well).

    Raises:
        UsageError: There is none; the hint suggests the nearest.
    """
    name = key.replace("-", "_").lower()
    if name not in SETTINGS:
        near = difflib.get_close_matches(name, SETTINGS, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"There are: {', '.join(SETTINGS)}."
        raise UsageError(f"no setting {key!r}", hint=hint)
    return name


def _edit_profile(name: str, line: str | None) -> Path:
    path = profile_path()
    text = _read(path) if _is_file(path) else ""
    if text:
        _parse_toml(path, text)  # never edit what could not be read back
    pattern = re.compile(rf"""^["']?{name.replace("_", "[_-]")}["']?\s*=.*\n?""", re.MULTILINE)
    rest = pattern.sub("", text)
    edited = rest if line is None else f"{line}\n{rest}"
    _parse_toml(path, edited)
    _replace_file(path, edited)
    return path


def _replace_file(path: Path, text: str) -> None:
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DmlError(f"cannot write {path}: {error.strerror}", hint="Make its directory writable.") from error
