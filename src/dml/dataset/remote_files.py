"""Fetches the files that a bag refers to: only from the object store of the catalog's host, and verified."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dml.catalog.objects import download
from dml.dataset.bagit import RemoteFile
from dml.dataset.checksums import has_checksum, is_md5
from dml.errors import IntegrityError, UnsafePathError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["check_remote_file", "fetch_verified"]


def check_remote_file(catalog: Catalog, remote: RemoteFile) -> None:
    """Refuse a file without a checksum, and one that is not in the object store of the catalog's host.

    Raises:
        IntegrityError: No manifest of the bag has a checksum for it.
        UnsafePathError: Its URL leads elsewhere.
    """
    if not remote.checksum:
        raise IntegrityError(f"fetch.txt names {safe(remote.path, limit=120)}, which the manifest does not list")
    url, host = urlsplit(remote.url), urlsplit(catalog.target.url)
    if (url.scheme, url.netloc) != (host.scheme, host.netloc) or not url.path.startswith("/hatrac/"):
        raise UnsafePathError(
            f"fetch.txt refers to {safe(remote.url, limit=120)}, which is not an object of {catalog.target.host}",
            hint="Fetch the bag with bdbag if you trust it.",
        )


def fetch_verified(
    catalog: Catalog,
    path: str,
    destination: Path,
    *,
    length: int,
    checksum: str,
    progress: Callable[[int], None],
    partial: Path | None = None,
) -> None:
    """Download an object to a file that appears only when its length and checksum are correct.

    Args:
        catalog: The catalog on whose host it is stored.
        path: Path of the object on that host.
        destination: The file; its directory must exist.
        length: Bytes.
        checksum: As in ``dml.dataset.checksums``; never empty.
        progress: Called with the number of bytes as they arrive.
        partial: Collects the bytes and is kept when the transfer breaks off; None uses a temporary file.

    Raises:
        IntegrityError: Length or checksum differ from those expected.
        NotFoundError, DmlError: As :func:`dml.catalog.objects.download`.
    """
    if is_md5(checksum):
        download(catalog, path, destination, length=length, md5_hex=checksum, progress=progress, partial=partial)
        return
    # download() checks MD5 only. Any other checksum is compared before the file gets its name.
    temporary = destination.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        download(catalog, path, temporary, length=length, md5_hex=None, progress=progress, partial=partial)
        if not has_checksum(temporary, checksum):
            algorithm = checksum.partition(":")[0]
            raise IntegrityError(f"The content of {path} does not have the {algorithm} that the bag lists")
        temporary.replace(destination)
    finally:
        temporary.unlink(missing_ok=True)
