"""The user's profile, ``profile.toml`` in the configuration directory, as ``dml config set`` and ``unset`` edit it."""

from __future__ import annotations

import os
from pathlib import Path

from dml.directories import config_directory
from dml.errors import DmlError
from dml.settings.definitions import check_value, setting_name
from dml.settings.files import is_file, parse_toml, read_text

__all__ = ["profile_path", "unset_profile", "write_profile"]


def profile_path() -> Path:
    """The path of the user's profile, which need not exist."""
    return config_directory() / "profile.toml"


def write_profile(key: str, value: str | int | float | Path) -> Path:
    """Set ``key`` in the user's profile, keeping its other lines and comments.

    Returns:
        The profile's path.

    Raises:
        UsageError: There is no such setting, the value is not of its type, or the profile is malformed.
        DmlError: The profile cannot be written.
    """
    name = setting_name(key)
    checked = check_value(name, value, "flag").value
    _edit(name, checked if isinstance(checked, (int, float)) else str(checked))
    return profile_path()


def unset_profile(key: str) -> bool:
    """Remove ``key`` from the user's profile.

    Returns:
        Whether it was there.
    """
    return _edit(setting_name(key), None)


def _edit(name: str, value: str | int | float | None) -> bool:
    """Set or, when the value is None, remove a setting; False when there was nothing to change."""
    import tomlkit  # imported here because it takes longer to import than most commands to run

    path = profile_path()
    text = read_text(path) if is_file(path) else ""
    parse_toml(path, text)  # refuses a malformed file, and names the line, which tomlkit's errors do not always do
    document = tomlkit.parse(text)
    keys = [key for key in document if key.replace("-", "_") == name]
    if value is None:
        for key in keys:
            del document[key]
    else:
        document[keys[0] if keys else name] = value
    edited = tomlkit.dumps(document)
    if edited == text:
        return False
    _replace_file(path, edited)
    return True


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
