"""Checksums of bags: MD5, which dml writes, and every other algorithm that the manifests of another program may use.

A checksum is one string: the hexadecimal digest alone for MD5, ``algorithm:digest`` for all others. The algorithm is
written as in the name of a manifest (RFC 8493, 2.4: lower-case letters and digits only), so ``sha3256`` is hashlib's
``sha3_256``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from dml.errors import IntegrityError
from dml.safe_text import safe

__all__ = ["file_checksum", "file_md5", "format_checksum", "has_checksum", "is_md5", "manifests"]

MD5 = "md5"


def _hash_constructors() -> dict[str, Callable[[], Any]]:
    """hashlib's algorithms by their names in BagIt, without SHAKE, whose digests have no fixed length."""
    names = sorted(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake"))
    return {re.sub("[^a-z0-9]", "", name.lower()): partial(hashlib.new, name, usedforsecurity=False) for name in names}


_CONSTRUCTORS = _hash_constructors()


def format_checksum(algorithm: str, digest: str) -> str:
    """A checksum as one string."""
    return digest.lower() if algorithm == MD5 else f"{algorithm}:{digest.lower()}"


def is_md5(checksum: str) -> bool:
    """Whether a checksum is an MD5, which the object store and the catalog use."""
    return bool(checksum) and ":" not in checksum


def file_checksum(path: Path, like: str = "") -> str:
    """The checksum of a file by the algorithm of the checksum ``like``; MD5 when that is empty."""
    algorithm = like.partition(":")[0] if ":" in like else MD5
    with path.open("rb") as file:
        return format_checksum(algorithm, hashlib.file_digest(file, _CONSTRUCTORS[algorithm]).hexdigest())


def file_md5(path: Path) -> str:
    """The MD5 of a file in hexadecimal."""
    return file_checksum(path)


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether a file has a checksum; False when the checksum is empty."""
    return bool(checksum) and file_checksum(path, checksum) == checksum


def manifests(bag: Path, kind: str = "manifest") -> list[tuple[str, Path]]:
    """The manifests of a bag with their algorithms: MD5 first, then by length of the digest, longest first.

    Args:
        bag: Its directory.
        kind: ``manifest`` or ``tagmanifest``.

    Raises:
        IntegrityError: There are manifests, but none with a known algorithm.
    """
    known, unknown = [], []
    for path in sorted(bag.glob(f"{kind}-*.txt")):
        algorithm = path.name.removeprefix(f"{kind}-").removesuffix(".txt").lower()
        if algorithm in _CONSTRUCTORS:
            known.append((algorithm, path))
        else:
            unknown.append(algorithm)
    if unknown and not known:
        raise IntegrityError(
            f"the bag {safe(bag.name)} has checksums of unknown algorithms only: {', '.join(map(safe, unknown))}",
            hint="Add others with `bdbag --update --checksum sha256 DIRECTORY`, if you trust the bag.",
        )
    return sorted(known, key=lambda item: (item[0] != MD5, -_CONSTRUCTORS[item[0]]().digest_size, item[0]))
