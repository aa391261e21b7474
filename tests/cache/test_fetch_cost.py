"""The thread that waits for fetched files does constant work per file, however many are outstanding."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import FrameType

from dml.cache.fetch import fetch_files
from dml.cache.file_fetcher import FetchResult, FileToFetch
from dml.catalog.connection import Catalog


def existing_file(root: Path, number: int) -> FileToFetch:
    """A file with unique content that is already at its destination."""
    content = str(number).encode()
    path = root / "files" / str(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return FileToFetch(
        name=str(number),
        url=f"/hatrac/{number}",
        destination=path,
        partial=root / "partial" / str(number),
        length=len(content),
        checksum=hashlib.md5(content, usedforsecurity=False).hexdigest(),
    )


def calls_while_fetching(catalog: Catalog, root: Path, count: int) -> int:
    """Number of Python functions that this thread calls while ``count`` files are fetched."""
    files, calls = [existing_file(root, number) for number in range(count)], 0
    recorded: list[str] = []

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        result = fetch_files(catalog, root, files, record=recorded.extend, jobs=2, clock=lambda: 0.0)
    finally:
        sys.setprofile(before)
    assert result == FetchResult(reused=count)
    assert sorted(recorded) == sorted(file.name for file in files)
    return calls


def test_the_work_per_file_does_not_grow_with_the_number_of_files(catalog: Catalog, tmp_path: Path) -> None:
    few = calls_while_fetching(catalog, tmp_path / "few", 100)
    many = calls_while_fetching(catalog, tmp_path / "many", 800)
    assert many < 12 * few
