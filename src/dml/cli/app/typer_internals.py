"""The parts of Typer's own click that dml needs and Typer does not export, named in this one place.

Typer carries its click as a private package since 0.26; ``pyproject.toml`` holds Typer to one minor version.
"""

from __future__ import annotations

from typer._click.core import Context, Parameter
from typer._click.formatting import HelpFormatter
from typer._click.globals import get_current_context
from typer._click.shell_completion import CompletionItem, _resolve_context, _resolve_incomplete

__all__ = [
    "CompletionItem",
    "Context",
    "HelpFormatter",
    "Parameter",
    "get_current_context",
    "left_over",
    "resolve_context",
    "resolve_incomplete",
]

resolve_context = _resolve_context
resolve_incomplete = _resolve_incomplete


def left_over(context: Context) -> list[str]:
    """The words of a group's line that name no command of it."""
    return [*context._protected_args, *context.args]
