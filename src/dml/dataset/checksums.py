"""Checksums of bags: MD5 as dml writes them, and whatever other algorithm the manifests of another program name.

A checksum is one text: the hexadecimal digest alone for MD5, ``algorithm:digest`` for every other, the algorithm as in
the name of a manifest (RFC 8493, 2.4: lower case, letters and digits only), so ``sha3256`` is hashlib's ``sha3_256``.
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

__all__ = ["file_checksum", "file_md5", "has_checksum", "is_md5", "manifests", "spelled"]

MD5 = "md5"


def _makers() -> dict[str, Callable[[], Any]]:
    """hashlib's algorithms by their names in BagIt; those whose digests have no length of their own are left out."""
    names = sorted(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake"))
    return {re.sub("[^a-z0-9]", "", name.lower()): partial(hashlib.new, name, usedforsecurity=False) for name in names}


_MAKERS = _makers()


def spelled(algorithm: str, digest: str) -> str:
    """A checksum as one text."""
    return digest.lower() if algorithm == MD5 else f"{algorithm}:{digest.lower()}"


def is_md5(checksum: str) -> bool:
    """Whether a checksum is an MD5, by which content is known throughout a catalog."""
    return bool(checksum) and ":" not in checksum


def file_checksum(path: Path, like: str = "") -> str:
    """The checksum of a file, with the algorithm of the checksum ``like``; MD5 without one."""
    algorithm = like.partition(":")[0] if ":" in like else MD5
    with path.open("rb") as file:
        return spelled(algorithm, hashlib.file_digest(file, _MAKERS[algorithm]).hexdigest())


def file_md5(path: Path) -> str:
    """The MD5 of a file in hexadecimal."""
    return file_checksum(path)


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether a file has a checksum; never, when there is none to compare with."""
    return bool(checksum) and file_checksum(path, checksum) == checksum


def manifests(bag: Path, kind: str = "manifest") -> list[tuple[str, Path]]:
    """The manifests of a bag with their algorithms, MD5 first, then by the length of their digests.

    Args:
        bag: Its directory.
        kind: ``manifest`` or ``tagmanifest``.

    Raises:
        IntegrityError: It has manifests, all of algorithms that are not known here.
    """
    known, unknown = [], []
    for path in sorted(bag.glob(f"{kind}-*.txt")):
        algorithm = path.name.removeprefix(f"{kind}-").removesuffix(".txt").lower()
        if algorithm in _MAKERS:
            known.append((algorithm, path))
        else:
            unknown.append(algorithm)
    if unknown and not known:
        raise IntegrityError(
            f"the bag {safe(bag.name)} has checksums that are not known here: {', '.join(map(safe, unknown))}",
            hint="`bdbag --update --checksum sha256 DIRECTORY` gives it others, if you trust what it holds.",
        )
    return sorted(known, key=lambda one: (one[0] != MD5, -_MAKERS[one[0]]().digest_size, one[0]))
