"""The ``--limit`` option of list commands, and the note that a list was truncated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from typer import Option

from dml.formatting import pluralize

if TYPE_CHECKING:
    from dml.cli.app.output import Console

__all__ = ["DEFAULT_LIMIT", "Limit", "first", "say_cut"]

T = TypeVar("T")

DEFAULT_LIMIT: Final = 100

Limit = Annotated[int, Option("--limit", metavar="N", min=0, help="Maximum number of rows; 0 for all.")]


def first(rows: Sequence[T], limit: int) -> tuple[list[T], bool]:
    """The first rows of a complete list, and whether there are more; 0 is no limit."""
    return (list(rows[:limit]), len(rows) > limit) if limit else (list(rows), False)


def say_cut(console: Console, shown: int, more: bool, noun: str = "") -> None:
    """Print the number of rows, or that the list was truncated."""
    if more:
        console.say(f"showing the first {shown:,}; use --limit 0 for all")
    elif noun:
        console.say(pluralize(shown, noun))
