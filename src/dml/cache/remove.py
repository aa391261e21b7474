"""Removes single entries from the disk, each under its lock.

An entry is renamed first, in one step, so that nobody reads half of it. A run that was given a file keeps it, because
it has the file under a name of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dml.cache.entries import CacheEntry, EntryKind
from dml.cache.layout import Cache
from dml.cache.locks import entry_lock
from dml.errors import DmlError, UnsafePathError
from dml.safe_text import safe
from dml.workspace.names import safe_file_name

__all__ = ["deleted", "lock_name"]


@contextlib.contextmanager
def deleted(cache: Cache, entry: CacheEntry) -> Iterator[None]:
    """Delete the bytes of an entry, then run the block while its lock is still held.

    Raises:
        LockedError: Another process is using the entry.
        DmlError: It cannot be deleted.
    """
    directory = {EntryKind.BAG: cache.bags_directory, EntryKind.ASSET: cache.assets_directory}.get(entry.kind)
    path = directory / entry.key if directory else entry.path
    try:
        with entry_lock(cache, lock_name(entry), wait=0):
            trash = _rename(path)
            if trash is not None:
                _delete(trash)
            yield
            with contextlib.suppress(OSError):
                cache.lock_path(lock_name(entry)).unlink()
    except OSError as error:
        raise DmlError(f"Cannot remove {safe(path)}: {error.strerror or error}") from error


def lock_name(entry: CacheEntry) -> str:
    """The name of an entry's lock; a hash where the name of its directory is not a safe one."""
    name = entry.key.removesuffix("_staging").removesuffix(".trash")
    try:
        return safe_file_name(name)
    except UnsafePathError:
        return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _rename(path: Path) -> Path | None:
    """Rename an entry so that it is no longer found; returns its new path, None when it does not exist."""
    trash = path.with_name(f"{path.name}.{os.urandom(4).hex()}.trash")
    try:
        return path.rename(trash)
    except FileNotFoundError:
        return None


def _delete(trash: Path) -> None:
    if trash.is_symlink() or not trash.is_dir():
        trash.unlink()
    else:
        shutil.rmtree(trash)
