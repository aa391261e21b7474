"""Which value of each setting is in effect, and the catalog and workspace that the values select.

The first source that has a value wins: the command's flag; the environment (``DML_HOST`` and so on); the project
(``.deriva-context.json`` or ``[tool.dml]`` of ``pyproject.toml``, from the working directory upwards); the user's
profile; the default.

A catalog id means nothing on another host, and a workspace belongs to one catalog. A source that names another host
than the weaker sources therefore does not inherit their catalog, and one that names another catalog does not inherit
their workspace.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dml.errors import UsageError
from dml.settings.definitions import SETTINGS, Value, check_value
from dml.settings.files import FileSettings, is_file, project_files, read_toml
from dml.settings.profile import profile_path
from dml.target import Target

__all__ = ["Settings", "Value", "resolve"]


@dataclass(frozen=True)
class Settings:
    """All settings of one invocation.

    Attributes:
        values: By name, in the order of ``SETTINGS``.
        unknown: ``FILE:LINE KEY`` of each key in the files that is not a setting.
    """

    values: Mapping[str, Value]
    unknown: tuple[str, ...] = ()

    def get(self, name: str) -> Any:
        """The value of one setting."""
        return self.values[name].value

    def origin(self, name: str) -> str:
        """Where the value of one setting came from."""
        return self.values[name].origin

    @property
    def has_target(self) -> bool:
        """Whether host and catalog are set."""
        return self.get("host") is not None and self.get("catalog") is not None

    @property
    def target(self) -> Target:
        """The catalog that commands use.

        Raises:
            UsageError: Host or catalog is not set or is malformed.
        """
        host, catalog = self.get("host"), self.get("catalog")
        if host is None and catalog is None:
            raise UsageError(
                "no catalog selected",
                hint="Select one with `dml catalog use HOST/NUMBER`, create one with `dml demo`,"
                " or give --host and --catalog.",
            )
        if catalog is None:
            raise UsageError(f"no catalog selected on {host}", hint="Give --catalog NUMBER.")
        if host is None:
            raise UsageError(
                f"no host selected for catalog {catalog}", hint="Give --host NAME; `local` is the embedded server."
            )
        return Target.parse(f"{host}/{catalog}")

    @property
    def workspace(self) -> Path:
        """The workspace directory: the setting, or else the target's default.

        Raises:
            UsageError: Neither a workspace nor a target is set.
        """
        workspace = self.get("workspace")
        return workspace if workspace is not None else self.target.default_workspace


def resolve(overrides: Mapping[str, object] | None = None, *, directory: Path | None = None) -> Settings:
    """Find the value of every setting.

    Args:
        overrides: Values of flags, by setting; None counts as not given.
        directory: Where the search for project files begins; the working directory by default.

    Raises:
        UsageError: A file is malformed, or a value is not of its setting's type; the message names file and line.
    """
    path = profile_path()
    files = [read_toml(path) if is_file(path) else FileSettings(), *reversed(list(project_files(directory)))]
    flags = {name: value for name, value in (overrides or {}).items() if value is not None}
    effective: dict[str, Value] = {}
    for values in (
        *(file.values for file in files),
        _environment(),
        {name: check_value(name, value, "flag") for name, value in flags.items()},
    ):
        source = _split_catalog(values)
        _drop_other_target(effective, source)
        effective.update(source)
    return Settings(
        {name: effective.get(name, Value(name, setting.default, "default")) for name, setting in SETTINGS.items()},
        tuple(entry for file in files for entry in file.unknown),
    )


def _environment() -> dict[str, Value]:
    given = {name: os.environ.get(setting.variable, "") for name, setting in SETTINGS.items()}
    return {name: check_value(name, raw, SETTINGS[name].variable) for name, raw in given.items() if raw}


def _split_catalog(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values with a ``catalog`` that names its host as well (``HOST/NUMBER`` or a URL) split in two."""
    given = values.get("catalog")
    if given is None or "/" not in str(given.value):
        return dict(values)
    target = Target.parse(str(given.value))
    snapshot = f"@{target.snapshot}" if target.snapshot else ""
    return {
        **values,
        "host": Value("host", target.host, given.origin),
        "catalog": Value("catalog", target.catalog_id + snapshot, given.origin),
    }


def _drop_other_target(effective: dict[str, Value], source: Mapping[str, Value]) -> None:
    """Drop the catalog and workspace of another host, and the workspace of another catalog."""
    for name, dependents in (("host", ("catalog", "workspace")), ("catalog", ("workspace",))):
        if name in source and name in effective and source[name].value != effective[name].value:
            for dependent in dependents:
                effective.pop(dependent, None)
