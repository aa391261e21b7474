"""``dml config``: show and change settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from dml.cli.app.default_command import group_with_default
from dml.cli.app.framework import command, current
from dml.cli.app.output import Cell, Column

if TYPE_CHECKING:
    from dml.settings import Settings

app = group_with_default("config", "Show and change settings, each with its origin.")


def _complete_key(incomplete: str) -> list[tuple[str, str]]:
    from dml.settings import SETTINGS

    return [(name, setting.help) for name, setting in SETTINGS.items() if name.startswith(incomplete)]


Key = Annotated[str, Argument(metavar="KEY", help="The setting's name.", autocompletion=_complete_key)]


@command(
    app,
    "show",
    examples=[
        ("dml config", "Every setting with its value and origin."),
        ("dml config --json", "The same, as JSON."),
    ],
)
def show() -> None:
    """Show every setting with its origin: flag, environment, project file, profile or default."""
    from dml.settings import SETTINGS, profile_path

    invocation = current()
    settings, console = invocation.settings, invocation.console
    payload = {
        "settings": [
            {
                "name": setting.name,
                "value": setting.value,
                "origin": setting.origin,
                "variable": SETTINGS[setting.name].variable,
            }
            for setting in settings.values.values()
        ],
        "target": str(settings.target) if settings.has_target else None,
        "profile": profile_path(),
        "unknown": settings.unknown,
    }

    def render() -> None:
        rows = [(setting.name, _shown(setting.value), _place(setting.origin)) for setting in settings.values.values()]
        console.table([Column("setting", whole=True), Column("value"), Column("from")], rows)
        _warn_of_unknown(settings)

    console.emit("config.show", payload, render)


@command(
    app,
    "get",
    examples=[
        ("dml config get jobs", "Only the value, for a script."),
        ("dml config get host -v", "Also print its origin on standard error."),
    ],
)
def get(key: Key) -> None:
    """Print the value of a setting; nothing when it is not set."""
    from dml.settings import setting_name

    invocation = current()
    setting = invocation.settings.values[setting_name(key)]

    def render() -> None:
        if setting.value is not None:
            invocation.console.print(setting.value)
        invocation.console.say(f"from {_place(setting.origin)}", level=1)

    payload = {"name": setting.name, "value": setting.value, "origin": setting.origin}
    invocation.console.emit("config.get", payload, render)


@command(
    app,
    "set",
    examples=[
        ("dml config set jobs 8", "Transfer eight files in parallel from now on."),
        ("dml config set cache_dir /tmp/dml-cache", "Store downloads in another directory."),
    ],
)
def set_value(key: Key, value: Annotated[str, Argument(metavar="VALUE", help="The new value.")]) -> None:
    """Write a value to the user's profile; other lines are left unchanged."""
    from dml.formatting import abbreviate_home
    from dml.settings import write_profile

    invocation = current()
    path = write_profile(key, value)
    console = invocation.console
    payload = {"name": key, "value": value, "profile": path}
    console.emit("config.set", payload, lambda: console.print(f"{key} = {value} in {abbreviate_home(path)}"))


@command(app, "unset", examples=[("dml config unset jobs", "Go back to the value of the project or the default.")])
def unset(key: Key) -> None:
    """Remove a value from the user's profile."""
    from dml.formatting import abbreviate_home
    from dml.settings import profile_path, unset_profile

    console = current().console
    removed = unset_profile(key)
    payload = {"name": key, "removed": removed, "profile": profile_path()}
    text = f"{key} removed from {abbreviate_home(profile_path())}" if removed else f"{key} is not set; nothing to do"
    console.emit("config.unset", payload, lambda: console.print(text))


@command(app, "path", examples=[("dml config path", "The file that `dml config set` writes.")])
def path() -> None:
    """Print the path of the user's profile, which need not exist."""
    from dml.settings import profile_path

    console = current().console
    console.emit("config.path", {"profile": profile_path()}, lambda: console.print(profile_path()))


def _shown(value: object) -> object:
    from dml.formatting import UNKNOWN

    return Cell(UNKNOWN, "bright_black") if value is None else value


def _place(origin: str) -> str:
    """An origin as short as it can be: relative to the working directory, or with the home directory as ``~``."""
    from dml.formatting import abbreviate_home

    if not origin.startswith("/"):
        return origin
    try:
        return min(os.path.relpath(origin), str(abbreviate_home(Path(origin))), key=len)
    except OSError:  # the working directory has been removed
        return origin


def _warn_of_unknown(settings: Settings) -> None:
    for entry in settings.unknown:
        origin, _, key = entry.rpartition(" ")
        current().console.warn(
            f"unknown setting `{key}` ({_place(origin)})", hint="`dml config show` lists the settings."
        )
