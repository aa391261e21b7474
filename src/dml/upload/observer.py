"""One observer of an upload for both kinds of listener: dml's ``Progress`` and a ``progress_callback`` as deriva-ml's
users write it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dml.progress import SILENT, Progress
from dml.upload.report import UploadProgress

ProgressCallback = Callable[[UploadProgress], object]


@dataclass
class _File:
    path: Path
    total: int
    done: int = 0


class UploadObserver:
    """Tells both listeners what happens to each file; any thread may call it.

    Args:
        progress: dml's observer.
        callback: Called with an ``UploadProgress`` for each event, one at a time; an exception it raises ends the
            upload.
    """

    def __init__(self, progress: Progress = SILENT, callback: ProgressCallback | None = None) -> None:
        self._progress = progress
        self._callback = callback
        self._guard = threading.RLock()
        self._files: dict[str, _File] = {}

    def begin(self, key: str, path: Path, total: int) -> None:
        """The bytes of a file begin to go up."""
        with self._guard:
            self._files[key] = _File(path, total)
            self._progress.begin(key, total)
            self._tell(key, "uploading", f"uploading {key}")

    def advance(self, key: str, count: int) -> None:
        """So many more bytes are done; a negative number when some are sent again."""
        with self._guard:
            self._files[key].done += count
            self._progress.advance(key, count)
            self._tell(key, "uploading", f"uploading {key}")

    def finish(self, key: str, outcome: str) -> None:
        """A file is over."""
        with self._guard:
            file = self._files.setdefault(key, _File(Path(), 0))
            if outcome != "failed":
                file.done = file.total
            self._progress.finish(key, outcome)
            self._tell(key, "failed" if outcome == "failed" else "uploaded", f"{key}: {outcome}")

    def say(self, phase: str, text: str) -> None:
        """Something about the whole of it."""
        with self._guard:
            if self._callback is not None:
                done, total = sum(f.done for f in self._files.values()), sum(f.total for f in self._files.values())
                self._callback(UploadProgress("", "", done, total, _percent(done, total), phase, text))

    def message(self, text: str) -> None:
        """One line for people."""
        self._progress.message(text)
        self.say("message", text)

    def _tell(self, key: str, phase: str, text: str) -> None:
        if self._callback is None:
            return
        file = self._files[key]
        percent = _percent(file.done, file.total)
        self._callback(
            UploadProgress(str(file.path), key.partition("/")[2], file.done, file.total, percent, phase, text)
        )


def _percent(done: int, total: int) -> float:
    return 100.0 if total == 0 else max(0.0, min(100.0, 100.0 * done / total))
