"""A workspace's cache with its index: what every front end opens before it works with the cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dml.cache.entries import CacheEntry
from dml.cache.index import Index
from dml.cache.inventory import list_entries
from dml.cache.layout import Cache
from dml.cache.usage import Usage, read_usage
from dml.workspace.layout import Workspace

__all__ = ["CacheSession", "open_for_reading", "open_for_writing"]


@dataclass(frozen=True)
class CacheSession:
    """An open cache.

    Attributes:
        workspace: The workspace whose executions use it.
        cache: Its paths.
        index: Open for reading or for writing.
    """

    workspace: Workspace
    cache: Cache
    index: Index

    @cached_property
    def usage(self) -> Usage:
        """Which executions use what, read once."""
        return read_usage(self.workspace, self.cache)

    def entries(self, *, links: bool = False) -> list[CacheEntry]:
        """All entries of the cache.

        Args:
            links: Whether links of deriva-ml's executions into the cache count as need; slower, for clearing.
        """
        usage = read_usage(self.workspace, self.cache, links=True) if links else self.usage
        return list_entries(self.index, usage, workspace_root=self.workspace.root)


@contextmanager
def open_for_reading(workspace: Workspace, directory: Path | None = None) -> Iterator[CacheSession]:
    """The cache of a workspace for reading; nothing is created or changed.

    Args:
        workspace: The workspace.
        directory: Its cache, where the settings name one.
    """
    cache = Cache.of(workspace, directory)
    with Index.reading(cache) as index:
        yield CacheSession(workspace, cache, index)


@contextmanager
def open_for_writing(workspace: Workspace, directory: Path | None = None) -> Iterator[CacheSession]:
    """The cache of a workspace for writing; it is created where it is missing. Arguments as :func:`open_for_reading`.

    Raises:
        DmlError: As :meth:`dml.cache.index.Index.writing`.
    """
    cache = Cache.of(workspace, directory)
    with Index.writing(cache) as index:
        yield CacheSession(workspace, cache, index)
