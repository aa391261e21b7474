"""Fetches many files into the cache at once and records them while they arrive."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from dml.cache.file_fetcher import FetchResult, FileFetcher, FileToFetch
from dml.disk import SPARE_BYTES, free_bytes
from dml.errors import DmlError, PartialError, RetryableError
from dml.formatting import format_size, pluralize
from dml.progress import SILENT, Progress
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["JOBS", "fetch_files", "require_space"]

JOBS = 8
"""Downloads at once."""

_MANY = 12
"""Above this number files are shown as one item of progress."""

_RECORD_EVERY = 1.0
"""Seconds between two records of what has arrived. Files that arrived unrecorded are verified and recorded later."""


def require_space(root: Path, size: int) -> None:
    """Refuse to fetch more than the disk can hold.

    Args:
        root: The cache; it need not exist.
        size: Bytes to fetch.

    Raises:
        RetryableError: Less is free.
    """
    free = free_bytes(root)
    if size and free is not None and size + SPARE_BYTES > free:
        raise RetryableError(
            f"not enough disk space: {format_size(size)} to download, {format_size(free)} free at {safe(root)}",
            hint="Run `dml cache clear --keep SIZE`, or move the cache with `dml config set cache_dir DIRECTORY`.",
        )


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
) -> FetchResult:
    """Fetch files; those that exist with the correct checksum are only recorded.

    Args:
        catalog: The catalog on whose host they are stored.
        root: The cache, which holds every destination.
        files: What to fetch.
        record: Called in this thread with the names of files that have arrived: once a second and at the end, also
            when the fetch fails.
        jobs: Downloads at once.
        progress: Observes each file, or all of them as one item when they are many.
        label: Name of that item.
        clock: Seconds, for the interval between two records; tests set it.

    Raises:
        PartialError: Several files are missing or wrong at their source; all others were fetched.
        NotFoundError, IntegrityError, UnsafePathError: One file is; all others were fetched.
        DmlError: The network, missing rights or the disk; unfinished downloads are continued by the next call.
    """
    groups: dict[tuple[str, int], list[FileToFetch]] = defaultdict(list)
    for file in files:
        groups[file.checksum, file.length].append(file)
    is_shown_as_one = bool(label) and len(groups) > _MANY
    size = sum(group[0].length for group in groups.values() if not group[0].copies)
    shown: Progress = progress
    if is_shown_as_one:
        shown = _AsOneItem(progress, label) if size else SILENT
        if size:
            progress.begin(label, size)
    fetcher = FileFetcher(catalog, root, shown)
    try:
        _run(fetcher, list(groups.values()), jobs, record, clock)
    finally:
        if is_shown_as_one and size:
            total = fetcher.total
            outcome = f"{total.files} of {len(files)} files fetched, {format_size(total.bytes)}"
            progress.finish(label, outcome + (f", {total.reused} reused" if total.reused else ""))
    if fetcher.failures:
        raise _failure(fetcher.failures, len(files))
    return fetcher.total


def _run(
    fetcher: FileFetcher,
    groups: Sequence[Sequence[FileToFetch]],
    jobs: int,
    record: Callable[[list[str]], None],
    clock: Callable[[], float],
) -> None:
    """Fetch the groups in threads.

    The futures come back through a queue as they end: waiting for a set of futures costs time for each of those that
    are still to come, which is quadratic in the number of files.
    """
    last = clock()
    pool = ThreadPoolExecutor(max(1, min(jobs, len(groups))), thread_name_prefix="dml-fetch")
    ended = SimpleQueue[Future[None]]()
    try:
        for group in groups:
            pool.submit(fetcher.fetch_group, group).add_done_callback(ended.put)
        remaining = len(groups)
        while remaining:
            with contextlib.suppress(Empty):
                ended.get(timeout=_RECORD_EVERY).result()
                remaining -= 1
            if clock() - last >= _RECORD_EVERY:
                _record(fetcher, record)
                last = clock()
    finally:
        fetcher.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        _record(fetcher, record)


def _record(fetcher: FileFetcher, record: Callable[[list[str]], None]) -> None:
    finished = fetcher.take_finished()
    if finished:
        record(finished)


class _AsOneItem:
    """Shows the bytes of many files as one item of progress."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress = progress
        self._label = label

    def begin(self, item: str, total: int | None = None) -> None:
        """Single files are not shown."""

    def advance(self, item: str, count: int) -> None:  # noqa: ARG002 - all files are one item
        """Count the bytes towards the item."""
        self._progress.advance(self._label, count)

    def finish(self, item: str, outcome: str = "done") -> None:
        """Single files are not shown; the error at the end says which failed."""

    def message(self, text: str) -> None:
        """Pass the message on."""
        self._progress.message(text)


def _failure(failures: list[DmlError], files: int) -> DmlError:
    """One error for all files that could not be fetched; the only one is itself the error."""
    first = failures[0]
    if len(failures) == 1:
        return first
    return PartialError(
        f"{len(failures)} of {pluralize(files, 'file')} could not be fetched; the first: {first.message}"
    )
