"""Fetches single files into the cache: verified, continued after an interruption, each content once.

Bytes collect in a partial file that a later attempt continues, so what a killed process had downloaded is not
downloaded again. A file appears at its destination complete, read-only and with the correct checksum, or not at all.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cache.file_checks import is_intact
from dml.cache.link import READ_ONLY, link_file
from dml.dataset.remote_files import fetch_verified
from dml.errors import DmlError, IntegrityError, NotFoundError, UnsafePathError
from dml.progress import Progress
from dml.safe_text import safe
from dml.workspace.files import check_inside, make_directory

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["FetchResult", "FileFetcher", "FileToFetch"]


@dataclass(frozen=True)
class FileToFetch:
    """A file to fetch.

    Attributes:
        name: For messages and records: the path in its bag.
        url: Path of the object on the catalog's host.
        destination: The file to create, below the cache's root.
        partial: The file that collects its bytes.
        length: Bytes.
        checksum: As in ``dml.dataset.checksums``; never empty.
        copies: Files of the cache that may have the same content; they are verified before they are used.
    """

    name: str
    url: str
    destination: Path
    partial: Path
    length: int
    checksum: str
    copies: tuple[Path, ...] = ()


@dataclass(frozen=True)
class FetchResult:
    """Files and bytes that were downloaded, and the number of files whose content was in the cache already."""

    files: int = 0
    bytes: int = 0
    reused: int = 0

    def __add__(self, other: FetchResult) -> FetchResult:
        return FetchResult(self.files + other.files, self.bytes + other.bytes, self.reused + other.reused)


class _Cancelled(Exception):
    """The fetch is stopping: this download ends here and is continued another time."""


class FileFetcher:
    """Fetches files in several threads at once and collects their results.

    Attributes:
        total: What has been fetched so far.
        failures: Errors that concern a single file.
        stop: Set to make all downloads end soon.
    """

    def __init__(self, catalog: Catalog, root: Path, progress: Progress) -> None:
        self._catalog = catalog
        self._root = root
        self._progress = progress
        self._guard = threading.Lock()
        self._finished: list[str] = []
        self._partial_directories: set[Path] = set()
        self.total = FetchResult()
        self.failures: list[DmlError] = []
        self.stop = threading.Event()

    def take_finished(self) -> list[str]:
        """The names of the files that were finished since the last call."""
        with self._guard:
            finished, self._finished = self._finished, []
        return finished

    def fetch_group(self, group: Sequence[FileToFetch]) -> None:
        """Fetch files of equal content: download one, link the others. A fault of one file does not stop the rest.

        Raises:
            DmlError: Something that would affect the next file as well: the network, missing rights, the disk.
        """
        first, *others = group
        try:
            self._finish(first, self._fetch(first))
            for other in others:
                self._prepare(other)
                if not is_intact(other.destination, other.length, other.checksum):
                    link_file(first.destination, other.destination)
                self._finish(other, FetchResult(reused=1))
        except _Cancelled:
            return
        except (IntegrityError, NotFoundError, UnsafePathError) as error:
            with self._guard:
                self.failures.append(error)

    def _finish(self, file: FileToFetch, result: FetchResult) -> None:
        with self._guard:
            self._finished.append(file.name)
            self.total += result

    def _prepare(self, file: FileToFetch) -> None:
        make_directory(self._root, file.destination.parent)
        check_inside(self._root, file.destination, last_may_be_link=True)

    def _fetch(self, file: FileToFetch) -> FetchResult:
        if self.stop.is_set():
            raise _Cancelled
        self._prepare(file)
        if is_intact(file.destination, file.length, file.checksum):
            file.destination.chmod(READ_ONLY)
            return FetchResult(reused=1)
        for copy in file.copies:
            if is_intact(copy, file.length, file.checksum):
                link_file(copy, file.destination)
                return FetchResult(reused=1)
        return FetchResult(1, self._download(file))

    def _download(self, file: FileToFetch) -> int:
        """Download a file and return how many bytes that took beyond those of its partial file."""
        received = 0

        def advance(count: int) -> None:
            nonlocal received
            received += count
            self._progress.advance(file.name, count)
            if self.stop.is_set():
                raise _Cancelled

        if file.partial.parent not in self._partial_directories:  # the same one for all files of a bag
            self._partial_directories.add(make_directory(self._root, file.partial.parent))
        self._progress.begin(file.name, file.length)
        outcome = "failed"
        try:
            resumed = _size(file.partial)
            fetch_verified(
                self._catalog,
                file.url,
                file.destination,
                length=file.length,
                checksum=file.checksum,
                progress=advance,
                partial=file.partial,
            )
            file.destination.chmod(READ_ONLY)
            outcome = "fetched"
        except _Cancelled:
            outcome = "interrupted"
            raise
        except DmlError as error:
            error.message = f"{safe(file.name)}: {error.message}"
            error.args = (error.message,)
            raise
        finally:
            self._progress.finish(file.name, outcome)
        return max(received - resumed, 0)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
