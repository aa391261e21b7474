"""Downloading the files of assets, verified by length and MD5."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.objects import download
from dml.errors import ConflictError
from dml.progress import SILENT, Progress
from dml.safe_text import safe
from dml.workspace.files import disk_errors, make_directory
from dml.workspace.hashing import digest
from dml.workspace.layout import safe_file_name

if TYPE_CHECKING:
    from dml.asset.lookup import Asset
    from dml.catalog.connection import Catalog

__all__ = ["download_assets", "download_file"]


def download_assets(
    catalog: Catalog, assets: Sequence[Asset], directory: Path, *, progress: Progress = SILENT, jobs: int = 4
) -> list[tuple[Asset, Path, bool]]:
    """Download the files of assets into a directory of the user's; a file that is there and complete is kept.

    Writes ``directory/FILENAME``, or ``directory/RID/FILENAME`` for assets that share a name.

    Returns:
        Each asset with its file, and whether the file was downloaded.

    Raises:
        NotFoundError: The bytes are missing from the store.
        IntegrityError: The bytes do not match what the catalog records.
        ConflictError: The directory has another file of that name.
    """
    names = [safe_file_name(asset.filename or asset.rid) for asset in assets]
    paths = [
        directory / asset.rid / name if names.count(name) > 1 else directory / name
        for asset, name in zip(assets, names, strict=True)
    ]
    calls = [
        partial(_download_asset, catalog, asset, path, directory, progress)
        for asset, path in zip(assets, paths, strict=True)
    ]
    return list(zip(assets, paths, gather(calls, at_once=jobs), strict=True))


def download_file(
    catalog: Catalog, url: str, path: Path, length: int | None, md5: str | None, *, item: str, progress: Progress
) -> None:
    """Download an object into a new file, and report its progress as ``item``.

    Args:
        catalog: The catalog whose store has the object.
        url: URL of the object.
        path: The file; its directory must exist.
        length: Expected size in bytes; None when unknown.
        md5: Expected MD5, hexadecimal; None when unknown.
        item: Name of the file in the progress.
        progress: Receives the progress.

    Raises:
        NotFoundError: The store has no such object.
        IntegrityError: The bytes do not have the expected length or MD5.
    """
    progress.begin(item, length)
    try:
        download(
            catalog,
            url,
            path,
            length=length,
            md5_hex=md5.lower() if md5 else None,
            progress=lambda count: progress.advance(item, count),
        )
    except BaseException:
        progress.finish(item, "failed")
        raise
    progress.finish(item, "downloaded")


def _download_asset(catalog: Catalog, asset: Asset, path: Path, root: Path, progress: Progress) -> bool:
    md5 = asset.md5.lower() if asset.md5 else None
    if path.exists():
        if md5 is not None and path.is_file() and digest(path.parent.absolute(), path.absolute()).md5_hex == md5:
            return False
        raise ConflictError(
            f"{safe(path)} exists and is not {asset.rid}", hint="Choose another directory with --output."
        )
    with disk_errors(path):
        root.mkdir(parents=True, exist_ok=True)
        if path.parent != root:
            make_directory(root, path.parent)
    download_file(catalog, asset.url, path, asset.length, md5, item=path.name, progress=progress)
    return True
