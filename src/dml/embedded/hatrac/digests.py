"""Checksums of chunked uploads, computed in the background while further chunks arrive.

Without them, finishing a job would read the whole file while the client waits. They are an optimization only: for a
job whose chunks arrive out of order or at another process there is no digest, and its file is read instead.
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

_BLOCK = 1 << 20
MAX_TRACKED_JOBS = 64
"""Maximum number of jobs tracked at the same time; the least recently used job is dropped first."""


@dataclass
class _JobDigests:
    """The digests of one job.

    Attributes:
        hashes: The running hash of each checksum; updated by the worker thread only.
        length: Number of contiguous bytes received from the start of the file.
        computed: Completes when all these bytes are hashed.
        is_broken: Whether reading the file failed.
    """

    hashes: dict[str, hashlib._Hash]
    length: int = 0
    computed: Future[None] | None = field(default=None, repr=False)
    is_broken: bool = False


class RunningDigests:
    """The digests of jobs whose chunks arrive in order.

    Thread-safe, and safe to use in a child process after a fork, where tracking starts empty.

    Args:
        algorithms: The hash algorithm of each checksum, by metadata field.
        open_file: Opens the file of a job for reading and returns its descriptor.
    """

    def __init__(self, algorithms: dict[str, str], open_file: Callable[[str], int]) -> None:
        self._algorithms = algorithms
        self._open = open_file
        self._begin()

    def _begin(self) -> None:
        self._jobs: OrderedDict[str, _JobDigests] = OrderedDict()
        self._guard = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dml-digests")
        self._process = os.getpid()

    def _after_fork(self) -> None:
        """Reset in a child process: the parent's threads do not exist here, and one of them may hold the lock."""
        if self._process != os.getpid():
            self._begin()

    def received(self, file_id: str, offset: int, length: int, checksums: list[str]) -> None:
        """Record that a chunk was written to a job's file.

        Args:
            file_id: The id of the file.
            offset: The chunk's position in bytes.
            length: The chunk's length in bytes.
            checksums: The checksums that finishing the job verifies.
        """
        self._after_fork()
        with self._guard:
            job = self._jobs.pop(file_id, None)
            if offset == 0 and job is None and checksums:
                job = _JobDigests(
                    {name: hashlib.new(self._algorithms[name], usedforsecurity=False) for name in checksums}
                )
            if job is None or job.length != offset:
                return
            self._jobs[file_id] = job
            while len(self._jobs) > MAX_TRACKED_JOBS:
                self._jobs.popitem(last=False)
            job.length += length
            job.computed = self._worker.submit(self._compute, job, file_id, offset, length)

    def take(self, file_id: str, length: int) -> dict[str, str]:
        """Stop tracking a job and return the base64 digests of its file by checksum; empty if they are not known.

        Args:
            file_id: The id of the file.
            length: The file's length in bytes.
        """
        self._after_fork()
        with self._guard:
            job = self._jobs.pop(file_id, None)
        if job is None or job.computed is None or job.length != length:
            return {}
        job.computed.result()  # a single worker computes in order, so all earlier chunks are done too
        if job.is_broken:
            return {}
        return {name: base64.b64encode(running.digest()).decode() for name, running in job.hashes.items()}

    def _compute(self, job: _JobDigests, file_id: str, offset: int, length: int) -> None:
        end = offset + length
        try:
            descriptor = self._open(file_id)
            try:
                while offset < end and (block := os.pread(descriptor, min(_BLOCK, end - offset), offset)):
                    for running in job.hashes.values():
                        running.update(block)
                    offset += len(block)
            finally:
                os.close(descriptor)
        except OSError:
            job.is_broken = True
        if offset < end:
            job.is_broken = True
