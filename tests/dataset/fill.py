"""Fetches the files of an exported bag in the simplest way, for tests that need a complete bag."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from dml.catalog.connection import Catalog
from dml.dataset.bagit import payload_path, read_fetch
from dml.dataset.remote_files import check_remote_file, fetch_verified

__all__ = ["fill_bag"]


def fill_bag(catalog: Catalog, bag: Path) -> int:
    """Fetch every file that ``fetch.txt`` names, after checking all of them; returns their number."""
    remotes = read_fetch(bag)
    for remote in remotes:
        check_remote_file(catalog, remote)
    for remote in remotes:
        path = payload_path(bag, remote.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        fetch_verified(
            catalog,
            urlsplit(remote.url).path,
            path,
            length=remote.length,
            checksum=remote.checksum,
            progress=lambda _: None,
        )
    return len(remotes)
