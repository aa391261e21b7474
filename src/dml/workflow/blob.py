"""git's blob hash: SHA-1 of ``blob <length>\\0`` and the content, as ``git hash-object`` computes it."""

from __future__ import annotations

import hashlib
from pathlib import Path


def hash_bytes(content: bytes) -> str:
    """The blob hash of some bytes, in hexadecimal."""
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """The blob hash of a file as it is on disk, without the filters of a repository."""
    return hash_bytes(path.read_bytes())
