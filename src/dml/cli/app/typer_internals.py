"""What dml uses of Typer beyond the names that ``import typer`` exports, gathered in this module.

Tried on Typer 0.28.0 and 0.29.2 by ``make test-versions``; ``supported_versions`` refuses a Typer of another minor
version with one sentence. Each use, and what it gains:

- ``TyperCommand`` and ``TyperGroup`` (``typer.core``), the base classes of what is passed as ``cls=``. ``framework``
  and ``commands`` override methods of them, so that a command is imported only when it is used (``dml --help`` imports
  none of them), every command takes the global options, and a help text ends with examples.
- ``build`` (``typer.main.get_command``) makes the command of one application without running it.
- ``run`` takes a command apart into parsing and running. ``Typer.__call__`` would turn Ctrl-C and a closed pipe into
  exit codes before dml can say anything about them.
- ``set_conversion`` replaces ``process_value`` of a parameter. Messages about a value are then the same with every
  Typer, and Typer 0.29 does not import pydantic, which takes more than half the time of a command on local state
  (docs/adr/0002).
- ``context_of`` makes the context of a command whose help is wanted, or whose options are being completed.

The classes under ``TYPE_CHECKING`` are the types of arguments of overridden methods; they are not imported at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as build

if TYPE_CHECKING:
    from typer._click.core import Context, Parameter
    from typer._click.formatting import HelpFormatter

    __all__ = ["Context", "HelpFormatter", "Parameter"]

__all__ = ["TyperCommand", "TyperGroup", "build", "context_of", "run", "set_conversion"]


def run(command: TyperGroup, arguments: Sequence[str]) -> int:
    """Parse ``arguments`` and run ``command``, which is called ``dml`` in messages.

    Returns:
        The exit code; errors are raised.
    """
    try:
        with command.make_context("dml", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as ending:
        return ending.exit_code
    return 0


def context_of(command: TyperCommand | TyperGroup, name: str, parent: Context | None = None) -> Context:
    """The context of ``command`` as if it had been called ``name``, without parsing anything."""
    return typer.Context(command, info_name=name, parent=parent, **command.context_settings)


def set_conversion(parameter: Parameter, convert: Callable[[Context, Any], Any]) -> None:
    """Let ``convert`` turn what was typed for ``parameter`` into its value, instead of Typer.

    Args:
        parameter: Its callback, if it has one, still gets the converted value.
        convert: Called with a text, a list of texts, the parameter's default, or None.
    """

    def process_value(context: Context, value: Any) -> Any:
        converted = convert(context, value)
        return converted if parameter.callback is None else parameter.callback(context, parameter, converted)

    parameter.process_value = process_value  # type: ignore[assignment, method-assign]
