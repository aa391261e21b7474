"""Looking over the cache for the dashboard: its entries, what they take, and what is free. Only reads, in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dml.disk import free_bytes
from dml.workspace.connection import Fingerprint, fingerprint

if TYPE_CHECKING:
    from dml.cache.entries import CacheEntry
    from dml.workspace.layout import Workspace


@dataclass(frozen=True)
class CacheState:
    """What the cache holds.

    Attributes:
        items: Its entries.
        free: Bytes free on its disk; None when unknown.
        root: Its directory.
    """

    items: tuple[CacheEntry, ...]
    free: int | None
    root: Path

    @property
    def bytes(self) -> int:
        """What all entries take, as far as it is known."""
        return sum(item.bytes or 0 for item in self.items)


class CacheReader(Protocol):
    """What the screen needs; tests hand in their own."""

    def read(self) -> CacheState | None:
        """The cache, or None when it is as it was at the last call."""


class LiveCacheReader:
    """Reads one cache again and again.

    Args:
        workspace: Whose cache.
        directory: Where it is; None for the workspace's own.
    """

    def __init__(self, workspace: Workspace, directory: Path | None) -> None:
        self._workspace = workspace
        self._directory = directory
        self._seen: tuple[Fingerprint, Fingerprint, int] | None = None

    def read(self) -> CacheState | None:
        """The cache, or None when neither its index, nor its bags, nor the registry changed since the last call.

        Raises:
            DmlError: It cannot be read.
        """
        from dml.cache.layout import Cache
        from dml.cache.session import open_for_reading

        root = Cache.of(self._workspace, self._directory).root
        seen = self._look(root)
        if seen == self._seen:
            return None
        with open_for_reading(self._workspace, self._directory) as session:
            items = session.entries()
        self._seen = seen
        return CacheState(tuple(items), free_bytes(root), root)

    def _look(self, root: Path) -> tuple[Fingerprint, Fingerprint, int]:
        try:
            entries = sum(1 for _ in (root / "bags").iterdir())
        except OSError:
            entries = 0
        return fingerprint(root / "index.sqlite"), fingerprint(self._workspace.registry_path), entries
