"""The options that every command takes, before or after its name.

They do not become parameters of the commands: each records itself in the ``Invocation``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from typer import Exit
from typer.core import TyperOption

from dml._version import __version__
from dml.cli.app.invocation import Invocation
from dml.cli.app.typer_internals import Context

PREFIX: Final = "global_"


def is_global(parameter: Any) -> bool:
    """Whether ``parameter`` is one of the options every command takes."""
    return str(parameter.name).startswith(PREFIX) or parameter.name == "help"


@cache
def global_options() -> tuple[TyperOption, ...]:
    """The options themselves, shared by all commands."""
    return (
        _setting("host", "NAME", "Server; `local` is the embedded one."),
        _setting("catalog", "ID", "Catalog number, HOST/NUMBER or a URL."),
        _setting("workspace", "DIR", "Where registry and staged files are."),
        _setting("progress", "HOW", "auto, bar, json or none.", ("auto", "bar", "json", "none")),
        _flag("json", "--json", "Print JSON for programs.", _json),
        _flag("verbose", "--verbose", "Say more; twice, even more.", _verbose, "-v", count=True),
        _flag("quiet", "--quiet", "Say only what failed.", _quiet, "-q"),
        _flag("debug", "--debug", "Show tracebacks.  [env: DML_DEBUG]", _debug),
    )


def version_option() -> TyperOption:
    """``--version`` of the root."""
    return _flag("version", "--version", "Show the version and leave.", _version, eager=True)


def _setting(name: str, metavar: str, help_text: str, choices: tuple[str, ...] = ()) -> TyperOption:
    def record(context: Context, _parameter: Any, value: str | None) -> None:
        if value is None or context.resilient_parsing:
            return
        context.ensure_object(Invocation).overrides[name] = value

    def complete(_context: Context, _arguments: list[str], incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return TyperOption(
        param_decls=[f"{PREFIX}{name}", f"--{name}"],
        metavar=metavar,
        help=f"{help_text}  [env: DML_{name.upper()}]",
        callback=record,
        expose_value=False,
        autocompletion=complete if choices else None,
    )


def _flag(
    name: str,
    long: str,
    help_text: str,
    record: Callable[[Context, Any], None],
    *short: str,
    count: bool = False,
    eager: bool = False,
) -> TyperOption:
    def callback(context: Context, _parameter: Any, value: Any) -> None:
        if value and not context.resilient_parsing:
            record(context, value)

    return TyperOption(
        param_decls=[f"{PREFIX}{name}", *short, long],
        is_flag=None if count else True,
        count=count,
        type=int if count else None,
        default=0 if count else False,
        show_default=False,
        help=help_text,
        callback=callback,
        expose_value=False,
        is_eager=eager,
    )


def _json(context: Context, _value: Any) -> None:
    context.ensure_object(Invocation).json = True


def _verbose(context: Context, value: int) -> None:
    context.ensure_object(Invocation).verbosity += value


def _quiet(context: Context, _value: Any) -> None:
    context.ensure_object(Invocation).verbosity = -1


def _debug(context: Context, _value: Any) -> None:
    context.ensure_object(Invocation).debug = True


def _version(_context: Context, _value: Any) -> None:
    sys.stdout.write(f"dml {__version__}\n")
    raise Exit
