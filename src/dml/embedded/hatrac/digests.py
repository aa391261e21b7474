"""The checksums of what arrives in chunks, computed while the next chunk is on its way.

Finishing a job would otherwise read all its bytes once more while the client waits. What is known here is a help only:
of a job whose chunks came in another order, or to another process, nothing is known, and its file is read instead.
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
JOBS_FOLLOWED = 64
"""Jobs that are followed at the same time; of the one that was longest without a chunk nothing is known any more."""


@dataclass
class _Followed:
    """What is known of one job.

    Attributes:
        hashes: The running hash by checksum; changed by the one thread that computes.
        length: Bytes that were received, from the beginning without a gap.
        computed: Ends when all of them went into the hashes.
        is_broken: Whether some could not be read.
    """

    hashes: dict[str, hashlib._Hash]
    length: int = 0
    computed: Future[None] | None = field(default=None, repr=False)
    is_broken: bool = False


class RunningDigests:
    """The digests of the jobs whose chunks come one after the other.

    Safe to use in many threads, and in a child after a fork, which knows nothing of its parent's jobs.

    Args:
        algorithms: The algorithm of each checksum, by the name of its metadata.
        open_file: Opens the file of a job for reading; its descriptor.
    """

    def __init__(self, algorithms: dict[str, str], open_file: Callable[[str], int]) -> None:
        self._algorithms = algorithms
        self._open = open_file
        self._begin()

    def _begin(self) -> None:
        self._jobs: OrderedDict[str, _Followed] = OrderedDict()
        self._guard = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dml-digests")
        self._process = os.getpid()

    def _after_fork(self) -> None:
        """The parent's worker does not exist in a child, and its lock may be held by a thread that does not either."""
        if self._process != os.getpid():
            self._begin()

    def received(self, file_id: str, offset: int, length: int, checksums: list[str]) -> None:
        """A chunk was written to a job's file.

        Args:
            file_id: The file.
            offset: Where the chunk begins, in bytes.
            length: How many bytes it has.
            checksums: What the job is to be checked by.
        """
        self._after_fork()
        with self._guard:
            job = self._jobs.pop(file_id, None)
            if offset == 0 and job is None and checksums:
                job = _Followed(
                    {name: hashlib.new(self._algorithms[name], usedforsecurity=False) for name in checksums}
                )
            if job is None or job.length != offset:
                return
            self._jobs[file_id] = job
            while len(self._jobs) > JOBS_FOLLOWED:
                self._jobs.popitem(last=False)
            job.length += length
            job.computed = self._worker.submit(self._compute, job, file_id, offset, length)

    def take(self, file_id: str, length: int) -> dict[str, str]:
        """The base64 digests of a job's whole file by checksum, none if they are not known; forgets the job.

        Args:
            file_id: The file.
            length: Bytes that it has.
        """
        self._after_fork()
        with self._guard:
            job = self._jobs.pop(file_id, None)
        if job is None or job.computed is None or job.length != length:
            return {}
        job.computed.result()  # one thread computes in the order of arrival: with the last one, all are done
        if job.is_broken:
            return {}
        return {name: base64.b64encode(running.digest()).decode() for name, running in job.hashes.items()}

    def _compute(self, job: _Followed, file_id: str, offset: int, length: int) -> None:
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
