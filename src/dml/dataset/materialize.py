"""Brings the files of a bag to their places: in parallel, verified, resumable, from the catalog's host only."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dml.catalog.concurrency import gather
from dml.catalog.objects import download
from dml.dataset.bagit import Remote, payload_path, read_fetch
from dml.dataset.checksums import has_checksum, is_md5
from dml.errors import IntegrityError, UnsafePathError
from dml.progress import SILENT, Progress
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Materialized", "fetch_verified", "judge", "materialize", "missing_files"]


@dataclass(frozen=True)
class Materialized:
    """What :func:`materialize` did: files and bytes fetched now, and files that were there."""

    fetched: int
    fetched_bytes: int
    present: int


def missing_files(bag: Path) -> list[Remote]:
    """The files that a bag still has to fetch, told by their presence and size; nothing is read."""
    return [remote for remote in read_fetch(bag) if not _has_size(payload_path(bag, remote.path), remote.length)]


def materialize(
    catalog: Catalog, bag: Path, *, jobs: int = 8, verify: bool = True, progress: Progress = SILENT
) -> Materialized:
    """Fetch the files of a bag that are not there.

    Every path and address is judged before the first byte is asked for. A file appears in its place only when it is
    whole and its checksum is that of the manifest, so an interrupted call is continued by the next.

    Args:
        catalog: Whose host holds the files.
        bag: The bag.
        jobs: How many files at once.
        verify: Whether files that are there are read and compared (else only measured) and replaced when they differ.
        progress: Told of each file.

    Raises:
        UnsafePathError: A path leaves the bag, or an address is not on the catalog's host.
        IntegrityError: The bag is malformed, or bytes do not match their checksum.
    """
    remotes = read_fetch(bag)
    places = [payload_path(bag, remote.path) for remote in remotes]
    for remote in remotes:
        judge(catalog, remote)
    wanted = [
        (remote, place) for remote, place in zip(remotes, places, strict=True) if not _is_whole(place, remote, verify)
    ]
    gather([partial(_fetch, catalog, remote, place, progress) for remote, place in wanted], at_once=jobs)
    return Materialized(len(wanted), sum(remote.length for remote, _ in wanted), len(remotes) - len(wanted))


def judge(catalog: Catalog, remote: Remote) -> None:
    """Refuse to fetch what no manifest vouches for, or what is not in the object store of the catalog's host.

    Raises:
        IntegrityError: The manifest has no checksum of it.
        UnsafePathError: The address is somewhere else.
    """
    if not remote.checksum:
        raise IntegrityError(f"fetch.txt names {safe(remote.path, limit=120)}, which the manifest does not")
    parts = urlsplit(remote.url)
    here = urlsplit(catalog.target.url)
    if (parts.scheme, parts.netloc) != (here.scheme, here.netloc) or not parts.path.startswith("/hatrac/"):
        raise UnsafePathError(
            f"fetch.txt wants {safe(remote.url, limit=120)}, which is no object of {catalog.target.host}",
            hint="Fetch the bag with bdbag if you trust it.",
        )


def _fetch(catalog: Catalog, remote: Remote, place: Path, progress: Progress) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    progress.begin(remote.path, remote.length)
    fetch_verified(
        catalog,
        urlsplit(remote.url).path,
        place,
        length=remote.length,
        checksum=remote.checksum,
        progress=partial(progress.advance, remote.path),
    )
    progress.finish(remote.path)


def fetch_verified(
    catalog: Catalog,
    path: str,
    place: Path,
    *,
    length: int,
    checksum: str,
    progress: Callable[[int], None],
    partial: Path | None = None,
) -> None:
    """Fetch an object to its place, where it appears only when length and checksum are right.

    Args:
        catalog: Whose host stores it.
        path: The object's path on that host.
        place: The file; its directory must exist.
        length: Bytes.
        checksum: With whatever algorithm; never empty.
        progress: Told of bytes as they arrive.
        partial: Where the bytes collect, and stay when the transfer breaks off; None for a temporary file.

    Raises:
        IntegrityError: Length or checksum are not those expected.
        NotFoundError, DmlError: As :func:`dml.catalog.objects.download`.
    """
    if is_md5(checksum):
        download(catalog, path, place, length=length, md5_hex=checksum, progress=progress, partial=partial)
        return
    # The object store vouches for MD5 only: any other checksum is compared before the file gets its name.
    beside = place.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        download(catalog, path, beside, length=length, md5_hex=None, progress=progress, partial=partial)
        if not has_checksum(beside, checksum):
            algorithm = checksum.partition(":")[0]
            raise IntegrityError(f"what was fetched from {path} does not have the {algorithm} that the bag names")
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def _is_whole(place: Path, remote: Remote, verify: bool) -> bool:
    return _has_size(place, remote.length) and (not verify or has_checksum(place, remote.checksum))


def _has_size(place: Path, length: int) -> bool:
    return not place.is_symlink() and place.is_file() and place.stat().st_size == length
