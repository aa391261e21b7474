"""Fetching many files: what the thread that waits for them does must not grow with those still to come."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import FrameType

from dml.cache.fetch import Fetched, FileToFetch, fetch_files
from dml.catalog.connection import Catalog


def in_place(root: Path, number: int) -> FileToFetch:
    """A file that is there already, of its own content."""
    content = str(number).encode()
    place = root / "files" / str(number)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return FileToFetch(
        item=str(number),
        url=f"/hatrac/{number}",
        place=place,
        partial=root / "partial" / str(number),
        length=len(content),
        checksum=hashlib.md5(content, usedforsecurity=False).hexdigest(),
    )


def calls_while_fetching(catalog: Catalog, root: Path, count: int) -> int:
    """How many functions of Python this thread enters while so many files are brought."""
    files, calls = [in_place(root, number) for number in range(count)], 0
    recorded: list[str] = []

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        came = fetch_files(catalog, root, files, record=recorded.extend, jobs=2, clock=lambda: 0.0)
    finally:
        sys.setprofile(before)
    assert came == Fetched(shared=count)
    assert sorted(recorded) == sorted(file.item for file in files)
    return calls


def test_waiting_for_a_file_costs_the_same_however_many_are_to_come(catalog: Catalog, tmp_path: Path) -> None:
    few = calls_while_fetching(catalog, tmp_path / "few", 100)
    many = calls_while_fetching(catalog, tmp_path / "many", 800)
    assert many < 12 * few
