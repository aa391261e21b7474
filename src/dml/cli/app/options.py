"""The options that every command takes, before or after its name.

They are not parameters of the commands: each records itself in the ``Invocation``. Typer makes them from the signature
of ``_declaration``, like the options of any command.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final

from typer import CallbackParam, Context, Exit, Option, Typer

from dml._version import __version__
from dml.cli.app.invocation import current
from dml.cli.app.parameters import ParameterSpec, parameter_specs
from dml.cli.app.typer_internals import build

if TYPE_CHECKING:
    from dml.cli.app.typer_internals import Parameter

__all__ = ["Version", "global_options", "global_specs", "is_global"]

PREFIX: Final = "global_"
"""What the names of these parameters begin with, so that a command may have an argument ``catalog`` too."""

PROGRESS: Final = ("auto", "bar", "json", "none")


def _setting(ctx: Context, param: CallbackParam, value: str | None) -> None:  # noqa: ARG001
    if value is not None:
        current().overrides[str(param.name).removeprefix(PREFIX)] = value


def _json(value: bool) -> None:
    current().json |= value


def _verbose(value: int) -> None:
    current().verbosity += value


def _quiet(value: bool) -> None:
    if value:
        current().verbosity = -1


def _debug(value: bool) -> None:
    current().debug |= value


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"dml {__version__}\n")
        raise Exit


def _complete_progress(incomplete: str) -> list[str]:
    return [mode for mode in PROGRESS if mode.startswith(incomplete)]


def _declaration(
    global_host: Annotated[
        str | None,
        Option(
            "--host",
            metavar="NAME",
            callback=_setting,
            expose_value=False,
            help="Server; `local` for embedded catalogs.  [env: DML_HOST]",
        ),
    ] = None,
    global_catalog: Annotated[
        str | None,
        Option(
            "--catalog",
            metavar="ID",
            callback=_setting,
            expose_value=False,
            help="Catalog number, HOST/NUMBER or a URL.  [env: DML_CATALOG]",
        ),
    ] = None,
    global_workspace: Annotated[
        str | None,
        Option(
            "--workspace",
            metavar="DIR",
            callback=_setting,
            expose_value=False,
            help="Directory of the registry and staged files.  [env: DML_WORKSPACE]",
        ),
    ] = None,
    global_progress: Annotated[
        str | None,
        Option(
            "--progress",
            metavar="HOW",
            callback=_setting,
            expose_value=False,
            autocompletion=_complete_progress,
            help="auto, bar, json or none.  [env: DML_PROGRESS]",
        ),
    ] = None,
    global_json: Annotated[
        bool, Option("--json", callback=_json, expose_value=False, help="Print JSON for programs.")
    ] = False,
    global_verbose: Annotated[
        int,
        Option(
            "-v",
            "--verbose",
            count=True,
            callback=_verbose,
            expose_value=False,
            show_default=False,
            help="Print more details; repeat for even more.",
        ),
    ] = 0,
    global_quiet: Annotated[
        bool, Option("-q", "--quiet", callback=_quiet, expose_value=False, help="Print only warnings and errors.")
    ] = False,
    global_debug: Annotated[
        bool, Option("--debug", callback=_debug, expose_value=False, help="Show tracebacks.  [env: DML_DEBUG]")
    ] = False,
) -> None:
    """The options themselves; never called."""


Version = Annotated[
    bool,
    Option("--version", callback=_version, expose_value=False, is_eager=True, help="Show the version and exit."),
]
"""``--version`` of the root."""


def is_global(parameter: Any) -> bool:
    """Whether ``parameter`` is one of the options every command takes."""
    return str(parameter.name).startswith(PREFIX) or parameter.name == "help"


@cache
def global_options() -> tuple[Parameter, ...]:
    """The options themselves, shared by all commands."""
    app = Typer(add_completion=False, rich_markup_mode=None)
    app.command()(_declaration)
    return tuple(build(app).params)


@cache
def global_specs() -> dict[str, ParameterSpec]:
    """What each of these options accepts, by its name."""
    return parameter_specs(_declaration)
