"""What the experiment commands share: options, and composing an experiment from the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

from typer import Argument, Option

from dml.cli.app.framework import Command, current

if TYPE_CHECKING:
    from dml.cli.app.typer_internals import Context
    from dml.experiment.composition import Composition
    from dml.target import Target
    from dml.workspace.layout import Workspace

Overrides = Annotated[
    list[str] | None,
    Argument(
        metavar="[OVERRIDES]...",
        help="Hydra overrides: group=option, a.b=value, +experiment=NAME, +multirun=NAME, ~key.",
    ),
]
ConfigDir = Annotated[
    Path | None, Option("--config-dir", "-c", metavar="DIR", help="The configuration package (default: src/configs).")
]
ConfigName = Annotated[str, Option("--config-name", metavar="NAME", help="The name of the main configuration.")]
Multirun = Annotated[bool, Option("--multirun", "-m", help="Run every combination of the given values.")]
AllowDirty = Annotated[bool, Option("--allow-dirty", help="Allow uncommitted changes.")]
Timeout = Annotated[float, Option("--timeout", metavar="SECONDS", help="Time limit for composing the configuration.")]
Python = Annotated[
    Path | None,
    Option("--python", metavar="FILE", help="Python interpreter (default: the project's .venv, else python)."),
]
Yes = Annotated[bool, Option("--yes", "-y", help="Do not ask for confirmation.")]
ListConfigs = Annotated[bool, Option("--list-configs", help="List the configurations to choose from and exit.")]
CfgMode = Literal["job", "hydra", "all"]
InfoMode = Literal["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"]
Cfg = Annotated[
    CfgMode | None,
    Option("--cfg", metavar="[MODE]", help="Print the configuration and exit: job (default), hydra or all."),
]
Info = Annotated[
    InfoMode | None,
    Option(
        "--info",
        metavar="[MODE]",
        help="Print Hydra's information and exit: all (default), config, defaults, defaults-tree, plugins or"
        " searchpath.",
    ),
]

MODES: Final[dict[str, tuple[str, ...]]] = {"--cfg": get_args(CfgMode), "--info": get_args(InfoMode)}
"""Options whose value may be left out, with their values; the first is meant then."""

DEFAULT_CONFIG_NAME = "deriva_model"
DEFAULT_TIMEOUT = 60.0

_RID = re.compile(r"[0-9A-Z]{1,4}(-[0-9A-Z]{1,4})*(@[0-9][^=\s]*)?")


class ShowingCommand(Command):
    """A command with ``--cfg [MODE]`` and ``--info [MODE]``, whose next word is a mode only when it is one's name."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse the line, each left out mode put in first."""
        return super().parse_args(ctx, with_modes(args))


def with_modes(words: Sequence[str]) -> list[str]:
    """The words of a command line with the mode of ``--cfg`` and ``--info`` after each that has none."""
    words_with_modes: list[str] = []
    for position, word in enumerate(words):
        if word == "--":
            return [*words_with_modes, *words[position:]]
        words_with_modes.append(word)
        if word in MODES and (position + 1 == len(words) or words[position + 1] not in MODES[word]):
            words_with_modes.append(MODES[word][0])
    return words_with_modes


def sort_words(words: list[str]) -> tuple[list[str], list[str]]:
    """Overrides and RIDs among the words of a command line.

    Raises:
        UsageError: A word is neither.
    """
    from dml.errors import UsageError

    overrides, rids = [], []
    for word in words:
        if "=" in word or word.startswith(("~", "+")):
            overrides.append(word)
        elif _RID.fullmatch(word):
            rids.append(word)
        else:
            raise UsageError(f"{word!r} is neither an override nor a RID", hint=f"Did you mean +experiment={word}?")
    return overrides, rids


def target_overrides() -> list[str]:
    """``--host`` and ``--catalog`` as overrides of the group ``deriva_ml``."""
    settings = current().settings
    names = (("host", "deriva_ml.hostname"), ("catalog", "deriva_ml.catalog_id"))
    return [f"{key}={settings.get(name)}" for name, key in names if settings.origin(name) == "flag"]


def composed(
    overrides: list[str],
    *,
    config_dir: Path | None,
    config_name: str,
    multirun: bool,
    timeout: float,
    python: Path | None,
    others: bool,
    packages: bool = True,
) -> Composition:
    """Compose an experiment of the project here."""
    from dml.experiment.compose import compose
    from dml.experiment.composition import ComposeRequest
    from dml.experiment.project import find_project

    project = find_project(config_dir, interpreter=python)
    request = ComposeRequest(
        config_name=config_name,
        overrides=(*overrides, *target_overrides()),
        multirun=multirun,
        others=others,
        packages=packages,
    )
    return compose(project, request, timeout=timeout)


def default_target() -> Target | None:
    """The catalog that the settings choose; None when they choose none."""
    settings = current().settings
    return settings.target if settings.has_target else None


def naming(target: Target) -> str:
    """The options by which a command typed next finds a catalog: none when the settings choose it without flags."""
    settings = current().settings
    set_by_flag = "flag" in (settings.origin("host"), settings.origin("catalog"))
    known = target == default_target() and not set_by_flag
    return "" if known else f" --host {target.host} --catalog {target.catalog_id}"


def workspace_of(target: Target | None, composition: Composition | None) -> Workspace | None:
    """Where the run works: what the configuration says, what the settings say for this target, else its default."""
    from dml.workspace.layout import find_workspace

    if target is None:
        return None
    node = next((config.get("deriva_ml") for config in composition.configs), None) if composition else None
    chosen = node.get("working_dir") if isinstance(node, dict) else None
    settings = current().settings
    if chosen is None and (settings.origin("workspace") == "flag" or default_target() == target):
        chosen = settings.get("workspace")
    return find_workspace(target, chosen)
