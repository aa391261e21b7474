"""The size of a cache on disk, measured by walking it; a file with several hard links counts once, at the first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dml.cache.entries import CacheEntry, EntryKind
from dml.cache.file_checks import total_size
from dml.cache.layout import Cache
from dml.disk import free_bytes

__all__ = ["DiskUsage", "PartSize", "measure"]


@dataclass(frozen=True)
class PartSize:
    """One part of a cache.

    Attributes:
        part: Its path relative to the cache.
        path: Its path.
        bytes: Size of its files that no earlier part holds.
        name: The entry as ``dml cache list`` names it; empty for other files.
    """

    part: str
    path: Path
    bytes: int
    name: str = ""


@dataclass(frozen=True)
class DiskUsage:
    """The parts of a cache, largest first, and the bytes that are free on its disk (None when unknown)."""

    parts: tuple[PartSize, ...]
    free: int | None

    @property
    def bytes(self) -> int:
        """Size of all parts."""
        return sum(part.bytes for part in self.parts)


def measure(cache: Cache, entries: Iterable[CacheEntry] = ()) -> DiskUsage:
    """Measure every bag, every asset and every other file or directory of a cache. Writes nothing.

    Args:
        cache: The cache.
        entries: Its entries, by which parts are named; without them, parts have no names.
    """
    containers = {EntryKind.BAG: cache.bags_directory, EntryKind.ASSET: cache.assets_directory}
    names = {containers[entry.kind] / entry.key: entry.name for entry in entries if entry.kind in containers}
    seen: set[tuple[int, int]] = set()
    paths = [path for directory in containers.values() for path in _children(directory)]
    paths += [path for path in _children(cache.root) if path not in containers.values()]
    parts = [
        PartSize(str(path.relative_to(cache.root)), path, _size(path, seen), names.get(path, "")) for path in paths
    ]
    return DiskUsage(tuple(sorted(parts, key=lambda part: -part.bytes)), free_bytes(cache.root))


def _size(path: Path, seen: set[tuple[int, int]]) -> int:
    return total_size(path, seen) if path.is_dir() and not path.is_symlink() else path.lstat().st_size


def _children(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []
