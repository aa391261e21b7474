"""Usage errors: Typer's errors translated into ``DmlError`` with suggestions."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, cast

from typer import TyperException

from dml.errors import DmlError, UsageError

if TYPE_CHECKING:
    from dml.cli.app.framework import Group
    from dml.cli.app.typer_internals import Context


def translate(error: TyperException) -> DmlError:
    """Translate a Typer error, with the next command to type as the hint."""
    context: Context | None = getattr(error, "ctx", None)
    help_line = f"`{context.command_path} --help` shows what it takes." if context else ""
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        near = list(error.possibilities or ())
        hint = f"Did you mean {_alternatives(near)}?" if near else help_line
        where = f"`{context.command_path}` has" if context else "there is"
        return UsageError(f"{where} no option `{option}`", hint=hint)
    message = error.format_message().rstrip(".").replace("'", "`")
    return UsageError(message[:1].lower() + message[1:], hint=help_line)


def unknown_command(group: Group, context: Context, name: str) -> UsageError:
    """The error for an unknown command of ``group``."""
    known = [command for command, _ in group.visible(context)]
    path = context.command_path
    near = [f"{path} {word}" for word in difflib.get_close_matches(name, known, n=3, cutoff=0.6)]
    suggestions = list(dict.fromkeys([*_elsewhere(context, name), *near]))[:4]
    hint = f"Did you mean {_alternatives(suggestions)}?" if suggestions else f"`{path} --help` lists the commands."
    return UsageError(f"`{path}` has no command `{name}`", hint=hint)


def _elsewhere(context: Context, name: str) -> list[str]:
    """Commands of other groups with exactly this name; their modules are loaded only for this answer."""
    base = context.find_root()
    top = cast("Group", base.command)
    matches = []
    for entry, _ in top.visible(base):
        candidate = top.get_command(base, entry)
        if candidate is not None and name in getattr(candidate, "commands", {}):
            matches.append(f"dml {entry} {name}")
    return matches


def _alternatives(words: list[str]) -> str:
    return " or ".join(f"`{word}`" for word in words)
