"""git's name of a file's content: SHA-1 over ``blob <length>\\0`` and the bytes (git hash-object)."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_hash(content: bytes) -> str:
    """The blob hash of some bytes, hexadecimal."""
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


def hash_of_file(path: Path) -> str:
    """The blob hash of a file as it lies on disk, without any filter of a repository."""
    return file_hash(path.read_bytes())
