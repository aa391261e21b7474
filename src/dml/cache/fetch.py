"""Bringing files from the catalog's object store into the cache: in parallel, each verified, each continued.

Bytes collect in a partial file that a later call goes on from, so that what a killed process had fetched is not fetched
again. A file comes to its place whole, read-only and with the right checksum, or not at all. Equal content is fetched
once and linked to its other places.
"""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from dml.cache.link import READ_ONLY, link_file
from dml.dataset.checksums import has_checksum
from dml.dataset.materialize import fetch_verified
from dml.disk import SPARE_BYTES, free_bytes
from dml.errors import DmlError, IntegrityError, NotFoundError, PartialError, RetryableError, UnsafePathError
from dml.formatting import format_size
from dml.progress import SILENT, Progress
from dml.safe_text import safe
from dml.workspace.files import check_inside, make_directory

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["JOBS", "Fetched", "FileToFetch", "fetch_files", "is_whole", "require_space"]

JOBS = 8
"""Files in transfer at once."""

_MANY = 12
"""Files above which they are shown as one piece of work."""

_RECORD_EVERY = 1.0
"""Seconds between two records of what has come; files that came but were not recorded are checked and taken later."""


@dataclass(frozen=True)
class FileToFetch:
    """A file that is to come.

    Attributes:
        item: Its name for people and records: the path in its bag.
        url: The object's path on the catalog's host.
        place: Where it belongs, below the cache's root.
        partial: Where its bytes collect.
        length: Bytes.
        checksum: Their checksum; never empty.
        same: Files of this cache that may hold the same bytes; they are verified before they are used.
    """

    item: str
    url: str
    place: Path
    partial: Path
    length: int
    checksum: str
    same: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Fetched:
    """What came: files and bytes over the network, and files that were here already or taken from elsewhere here."""

    files: int = 0
    bytes: int = 0
    shared: int = 0

    def __add__(self, other: Fetched) -> Fetched:
        return Fetched(self.files + other.files, self.bytes + other.bytes, self.shared + other.shared)


def require_space(root: Path, needed: int) -> None:
    """Check that the disk can hold a download before it begins.

    Args:
        root: The cache directory; it need not exist.
        needed: Bytes to download.

    Raises:
        RetryableError: There is not enough space.
    """
    free = free_bytes(root)
    if needed and free is not None and needed + SPARE_BYTES > free:
        raise RetryableError(
            f"not enough disk space: {format_size(needed)} to download, {format_size(free)} free at {safe(root)}",
            hint="Run `dml cache clear --keep SIZE`, or move the cache with `dml config set cache_dir DIRECTORY`.",
        )


def is_whole(place: Path, length: int, checksum: str) -> bool:
    """Whether a regular file with this length and checksum is in a place; reads it when the length is right."""
    try:
        if place.is_symlink() or not place.is_file() or place.stat().st_size != length:
            return False
        return has_checksum(place, checksum)
    except OSError:
        return False


def fetch_files(
    catalog: Catalog,
    root: Path,
    files: Sequence[FileToFetch],
    *,
    record: Callable[[list[str]], None],
    jobs: int = JOBS,
    progress: Progress = SILENT,
    label: str = "",
    clock: Callable[[], float] = monotonic,
) -> Fetched:
    """Fetch files; those that are in their place already and prove right are only recorded.

    Args:
        catalog: Whose host holds them.
        root: The cache; every place is below it.
        files: What is to come.
        record: Told, in this thread, the items that are in their places, now and then and at the end, however it ends.
        jobs: How many transfers at once.
        progress: Told of each file, or of all together when they are many.
        label: What they are together.
        clock: Seconds, for the time between two records; tests set it.

    Returns:
        What came.

    Raises:
        PartialError: Several files are gone or wrong at their source; all others came.
        NotFoundError, IntegrityError, UnsafePathError: One is; all others came.
        DmlError: The network, the rights or the disk; transfers under way were ended and will be continued.
    """
    groups: dict[tuple[str, int], list[FileToFetch]] = defaultdict(list)
    for file in files:
        groups[file.checksum, file.length].append(file)
    together = label and len(groups) > _MANY
    shown = progress
    to_come = sum(group[0].length for group in groups.values() if not group[0].same)
    if together:
        shown = _Together(progress, label) if to_come else SILENT
    if together and to_come:
        progress.begin(label, to_come)
    work = _Work(catalog, root, shown)
    last = clock()
    pool = ThreadPoolExecutor(max(1, min(jobs, len(groups))), thread_name_prefix="dml-fetch")
    ended = SimpleQueue[Future[None]]()
    try:
        for group in groups.values():
            pool.submit(work.bring, group).add_done_callback(ended.put)
        left = len(groups)
        while left:
            with contextlib.suppress(Empty):
                ended.get(timeout=_RECORD_EVERY).result()
                left -= 1
            if clock() - last >= _RECORD_EVERY:
                _record(work, record)
                last = clock()
    finally:
        work.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        _record(work, record)
        if together and to_come:
            came = f"{work.total.files} of {len(files)} files fetched, {format_size(work.total.bytes)}"
            progress.finish(label, came + (f", {work.total.shared} found here" if work.total.shared else ""))
    if work.failed:
        raise _failure(work.failed, len(files))
    return work.total


class _Together:
    """Many files shown as one piece of work."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress = progress
        self._label = label

    def begin(self, item: str, total: int | None = None) -> None:
        """A single file is not shown."""

    def advance(self, item: str, count: int) -> None:  # noqa: ARG002 - one of many
        """Bytes of any file are bytes of the whole."""
        self._progress.advance(self._label, count)

    def finish(self, item: str, outcome: str = "done") -> None:
        """A single file is not shown; what could not be had is in the error."""

    def message(self, text: str) -> None:
        """Passed on."""
        self._progress.message(text)


def _record(work: _Work, record: Callable[[list[str]], None]) -> None:
    arrived = work.take_arrived()
    if arrived:
        record(arrived)


def _failure(failed: list[DmlError], number: int) -> DmlError:
    """One error for the files that could not be had: the first one's own when it is the only one."""
    first = failed[0]
    if len(failed) == 1:
        return first
    return PartialError(f"{len(failed)} of {number} files could not be fetched; the first: {first.message}")


class _Stopped(Exception):
    """Another file went wrong, or the user wants an end: this transfer ends here and is continued another time."""


class _Work:
    """What the threads share."""

    def __init__(self, catalog: Catalog, root: Path, progress: Progress) -> None:
        self._catalog = catalog
        self._root = root
        self._progress = progress
        self._guard = threading.Lock()
        self._arrived: list[str] = []
        self._made: set[Path] = set()
        self.total = Fetched()
        self.failed: list[DmlError] = []
        self.stop = threading.Event()

    def take_arrived(self) -> list[str]:
        """The items that came to their places since this was asked last."""
        with self._guard:
            arrived, self._arrived = self._arrived, []
        return arrived

    def bring(self, group: Sequence[FileToFetch]) -> None:
        """Bring files of equal content to their places. What is wrong with one file does not end the others.

        Raises:
            DmlError: Something that the next file would meet as well: the network, the rights, the disk.
        """
        first, *others = group
        try:
            self._note([first], self._bring_one(first))
            for other in others:
                self._prepare(other)
                if not is_whole(other.place, other.length, other.checksum):
                    link_file(first.place, other.place)
                self._note([other], Fetched(shared=1))
        except _Stopped:
            return
        except (IntegrityError, NotFoundError, UnsafePathError) as error:
            with self._guard:
                self.failed.append(error)

    def _note(self, files: Sequence[FileToFetch], fetched: Fetched) -> None:
        with self._guard:
            self._arrived += [file.item for file in files]
            self.total += fetched

    def _prepare(self, file: FileToFetch) -> None:
        make_directory(self._root, file.place.parent)
        check_inside(self._root, file.place, last_may_be_link=True)

    def _bring_one(self, file: FileToFetch) -> Fetched:
        if self.stop.is_set():
            raise _Stopped
        self._prepare(file)
        if is_whole(file.place, file.length, file.checksum):
            file.place.chmod(READ_ONLY)
            return Fetched(shared=1)
        for source in file.same:
            if is_whole(source, file.length, file.checksum):
                link_file(source, file.place)
                return Fetched(shared=1)
        return Fetched(1, self._download(file))

    def _download(self, file: FileToFetch) -> int:
        moved = 0

        def advance(count: int) -> None:
            nonlocal moved
            moved += count
            self._progress.advance(file.item, count)
            if self.stop.is_set():
                raise _Stopped

        if file.partial.parent not in self._made:  # one for all files of a bag
            self._made.add(make_directory(self._root, file.partial.parent))
        self._progress.begin(file.item, file.length)
        outcome = "failed"
        try:
            before = _size(file.partial)
            fetch_verified(
                self._catalog,
                file.url,
                file.place,
                length=file.length,
                checksum=file.checksum,
                progress=advance,
                partial=file.partial,
            )
            file.place.chmod(READ_ONLY)
            outcome = "fetched"
        except _Stopped:
            outcome = "interrupted, to be continued"
            raise
        except DmlError as error:
            error.message = f"{safe(file.item)}: {error.message}"
            error.args = (error.message,)
            raise
        finally:
            self._progress.finish(file.item, outcome)
        return max(moved - before, 0)


def _size(partial: Path) -> int:
    try:
        return partial.lstat().st_size
    except OSError:
        return 0
