"""``--limit`` of the list commands, and the line that says when a list was cut."""

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

Limit = Annotated[int, Option("--limit", metavar="N", min=0, help="The most rows; 0 for all.")]


def first(rows: Sequence[T], limit: int) -> tuple[list[T], bool]:
    """The first rows of a list that is here whole, and whether there are more; 0 is no limit."""
    return (list(rows[:limit]), len(rows) > limit) if limit else (list(rows), False)


def say_cut(console: Console, shown: int, more: bool, noun: str = "") -> None:
    """Say how many rows there are, or that there are more than those shown."""
    if more:
        console.say(f"showing the first {shown:,}; use --limit 0 for all")
    elif noun:
        console.say(pluralize(shown, noun))
