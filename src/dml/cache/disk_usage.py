"""What a cache takes on disk, measured by walking it: a file with several names counts once, where it comes first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dml.cache.bag_contents import walk_size
from dml.cache.layout import Cache

__all__ = ["Share", "measure"]


@dataclass(frozen=True)
class Share:
    """One part of a cache: its name, where it is, and the bytes that are in it and in no part before it."""

    name: str
    path: Path
    bytes: int


def measure(cache: Cache) -> list[Share]:
    """The parts of a cache, each bag and each asset one; only parts that are there. Nothing is written."""
    seen: set[tuple[int, int]] = set()
    shares = []
    for directory in (cache.bags_directory, cache.assets_directory):
        for path in _children(directory):
            shares.append(Share(f"{directory.name}/{path.name}", path, walk_size(path, seen)))
    parts = {cache.bags_directory, cache.assets_directory}
    for path in _children(cache.root):
        if path not in parts:
            size = walk_size(path, seen) if path.is_dir() and not path.is_symlink() else path.lstat().st_size
            shares.append(Share(path.name, path, size))
    return shares


def _children(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []
