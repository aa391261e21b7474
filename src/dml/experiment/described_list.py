"""Lists of inputs with a description: ``with_description([…], "…")`` in a configuration module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["DescribedList", "described_list", "with_description"]


class DescribedList(list[Any]):
    """A list with a description.

    Args:
        items: The items of the list.
        description: What the items are, Markdown.
    """

    def __init__(self, items: Iterable[Any] = (), description: str = "") -> None:
        super().__init__(items)
        self.description = description


def described_list(items: Sequence[Any], description: str = "") -> DescribedList:
    """The list that a configuration made by ``with_description`` instantiates to."""
    return DescribedList(items, description)


def with_description(items: Sequence[Any], description: str) -> Any:
    """A configuration for ``store``: a list of inputs with a description.

    Args:
        items: Dataset or asset specifications, or RIDs.
        description: What the items are, Markdown.
    """
    from hydra_zen import builds

    return builds(described_list, items=list(items), description=description)
