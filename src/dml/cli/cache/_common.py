"""What the commands of ``dml cache`` share: the group, their arguments, opening the cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from dml.cli.app.framework import current, group
from dml.cli.app.shell_complete import complete_cached

if TYPE_CHECKING:
    from dml.cache.index import Index
    from dml.cache.inventory import CachedItem
    from dml.cache.layout import Cache
    from dml.cache.usage import Usage
    from dml.dataset.spec import DatasetSpec
    from dml.workspace.layout import Workspace

__all__ = ["CacheSession", "Excluded", "Jobs", "Names", "Some", "app", "open_for_reading", "open_for_writing", "specs"]

app = group("cache", "Datasets and assets on this machine: fetch, verify, pin, clear.")

Names = Annotated[
    list[str],
    Argument(
        metavar="RID[@VERSION]...",
        help="Datasets, without a version the current one; or assets.",
        autocompletion=complete_cached,
    ),
]
Some = Annotated[
    list[str] | None,
    Argument(metavar="[RID[@VERSION]]...", help="Entries, as list shows them.", autocompletion=complete_cached),
]
Excluded = Annotated[
    list[str] | None, Option("--exclude-table", metavar="TABLE", help="Leave a table out; may be repeated.")
]
Jobs = Annotated[int | None, Option("--jobs", "-j", metavar="N", min=1, help="Files fetched at the same time.")]


@dataclass(frozen=True)
class CacheSession:
    """A workspace's cache with its index, open for looking or for working."""

    workspace: Workspace
    cache: Cache
    index: Index

    @cached_property
    def usage(self) -> Usage:
        """Which executions use what."""
        from dml.cache.usage import usage_of

        return usage_of(self.workspace, self.cache)

    def items(self, *, links: bool = False) -> list[CachedItem]:
        """Everything in the cache."""
        from dml.cache.inventory import take_inventory
        from dml.cache.usage import usage_of

        usage = usage_of(self.workspace, self.cache, links=True) if links else self.usage
        return take_inventory(self.index, usage, workspace_root=self.workspace.root)


@contextmanager
def open_for_reading() -> Iterator[CacheSession]:
    """The cache for looking only: nothing is created or changed."""
    from dml.cache.index import Index

    workspace, cache = _places()
    with Index.reading(cache) as index:
        yield CacheSession(workspace, cache, index)


@contextmanager
def open_for_writing() -> Iterator[CacheSession]:
    """The cache for working in it; it is made if it is not there."""
    from dml.cache.index import Index

    workspace, cache = _places()
    with Index.writing(cache) as index:
        yield CacheSession(workspace, cache, index)


def specs(names: list[str], excluded: list[str] | None = None) -> list[DatasetSpec]:
    """The names as specifications, each once.

    Raises:
        UsageError: One is malformed.
    """
    from dml.dataset.spec import DatasetSpec

    found = [DatasetSpec.parse(name) for name in dict.fromkeys(names)]
    return [DatasetSpec(one.rid, one.version, exclude_tables=excluded) for one in found] if excluded else found


def _places() -> tuple[Workspace, Cache]:
    from dml.cache.layout import Cache
    from dml.workspace.layout import Workspace

    invocation = current()
    workspace = Workspace(invocation.workspace, invocation.target)
    return workspace, Cache.of(workspace, invocation.settings.get("cache_dir"))
