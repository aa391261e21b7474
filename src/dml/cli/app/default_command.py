"""Groups with a default command: ``dml lineage RID`` is short for ``dml lineage show RID``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from dml.cli.app.framework import Group, group
from dml.cli.app.options import global_options
from dml.cli.app.parameters import takes_value

if TYPE_CHECKING:
    from dml.cli.app.typer_internals import Context

__all__ = ["group_with_default"]

DEFAULT = "show"


class DefaultGroup(Group):
    """A group that runs its command ``show`` when the first word is not one of its commands."""

    default = DEFAULT

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Prepend the default command when no command is named; ``--help`` alone shows the group's help."""
        if self._means_default(args):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def _means_default(self, args: list[str]) -> bool:
        word = _first_word(args)
        if word is None:
            return not {"-h", "--help"} & set(args)
        takes_words = any(parameter.param_type_name == "argument" for parameter in self.commands[DEFAULT].params)
        return takes_words and word not in self.commands


def _first_word(args: list[str]) -> str | None:
    """The first argument that is neither a global option nor the value of one."""
    valued = {name for option in global_options() if takes_value(option) for name in option.opts}
    words = iter(args)
    for argument in words:
        if argument in valued:
            next(words, None)
        elif not argument.startswith("-"):
            return argument
    return None


def group_with_default(name: str, help_text: str) -> typer.Typer:
    """Like ``framework.group``, with ``show`` as the default command."""
    app = group(name, help_text)
    app.info.cls = DefaultGroup
    return app
