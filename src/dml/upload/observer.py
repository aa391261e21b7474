"""One observer of an upload for both kinds of listener: dml's ``Progress``, and a ``progress_callback`` as users of
deriva-ml write it."""

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
    completed: int = 0


class UploadObserver:
    """Passes what happens to each file on to both listeners; safe to call from any thread.

    Args:
        progress: dml's own observer.
        callback: Called with an ``UploadProgress`` for each event, one call at a time; an exception it raises ends the
            upload.
    """

    def __init__(self, progress: Progress = SILENT, callback: ProgressCallback | None = None) -> None:
        self._progress = progress
        self._callback = callback
        self._lock = threading.RLock()
        self._files: dict[str, _File] = {}

    def begin(self, key: str, path: Path, total: int) -> None:
        """Report that the upload of a file of ``total`` bytes begins."""
        with self._lock:
            self._files[key] = _File(path, total)
            self._progress.begin(key, total)
            self._call_back(key, "uploading", f"uploading {key}")

    def advance(self, key: str, count: int) -> None:
        """Report ``count`` more bytes of a file; a negative number when bytes are sent again."""
        with self._lock:
            self._files[key].completed += count
            self._progress.advance(key, count)
            self._call_back(key, "uploading", f"uploading {key}")

    def finish(self, key: str, outcome: str) -> None:
        """Report that a file is finished; the outcome is ``failed`` or any text that says what was done."""
        with self._lock:
            file = self._files.setdefault(key, _File(Path(), 0))
            if outcome != "failed":
                file.completed = file.total
            self._progress.finish(key, outcome)
            self._call_back(key, "failed" if outcome == "failed" else "uploaded", f"{key}: {outcome}")

    def announce(self, phase: str, text: str) -> None:
        """Report a phase of the whole upload; only the callback receives it."""
        with self._lock:
            if self._callback is not None:
                completed = sum(file.completed for file in self._files.values())
                total = sum(file.total for file in self._files.values())
                self._callback(UploadProgress("", "", completed, total, _percent(completed, total), phase, text))

    def _call_back(self, key: str, phase: str, text: str) -> None:
        if self._callback is None:
            return
        file = self._files[key]
        name, percent = key.partition("/")[2], _percent(file.completed, file.total)
        self._callback(UploadProgress(str(file.path), name, file.completed, file.total, percent, phase, text))


def _percent(completed: int, total: int) -> float:
    return 100.0 if total == 0 else max(0.0, min(100.0, 100.0 * completed / total))
