"""Bringing assets' bytes into a directory of the user's, verified."""

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

__all__ = ["download_assets"]


def download_assets(
    catalog: Catalog, found: Sequence[Asset], directory: Path, *, progress: Progress = SILENT, jobs: int = 4
) -> list[tuple[Asset, Path, bool]]:
    """Bring assets' bytes into a directory, verified by length and MD5; a file that is there and whole is left alone.

    Writes ``directory/FILENAME``; where two assets have one name, each is in ``directory/RID/FILENAME``.

    Returns:
        Each asset with its file, and whether it had to come.

    Raises:
        NotFoundError: The bytes are gone.
        IntegrityError: They are not those that the catalog describes.
        ConflictError: Another file of that name is in the way.
    """
    names = [safe_file_name(one.filename or one.rid) for one in found]
    places = [
        directory / one.rid / name if names.count(name) > 1 else directory / name
        for one, name in zip(found, names, strict=True)
    ]
    calls = [partial(_fetch, catalog, one, path, directory, progress) for one, path in zip(found, places, strict=True)]
    came = gather(calls, at_once=jobs)
    return list(zip(found, places, came, strict=True))


def _fetch(catalog: Catalog, asset: Asset, path: Path, root: Path, progress: Progress) -> bool:
    md5 = asset.md5.lower() if asset.md5 else None
    if path.exists():
        if md5 is not None and path.is_file() and digest(path.parent.absolute(), path.absolute()).md5_hex == md5:
            return False
        raise ConflictError(f"{safe(path)} is there and is not {asset.rid}", hint="Choose another --output directory.")
    with disk_errors(path):
        root.mkdir(parents=True, exist_ok=True)
        if path.parent != root:
            make_directory(root, path.parent)
    progress.begin(path.name, asset.length)
    try:
        download(
            catalog,
            asset.url,
            path,
            length=asset.length,
            md5_hex=md5,
            progress=lambda count: progress.advance(path.name, count),
        )
    except BaseException:
        progress.finish(path.name, "failed")
        raise
    progress.finish(path.name, "downloaded")
    return True
