"""The record that a commit begun from a dashboard writes of itself, so that any dashboard can follow it.

The commit is ``dml exec commit RID --progress json`` with its standard error in a file of the state directory; a line
is an event (``dml.progress/1``) or talk. A file beside it names the process, so that a record is never taken for
another process's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dml import directories
from dml.safe_text import safe

_LINE_LIMIT = 300


@dataclass
class FileRecord:
    """What the record says of a file: bytes done, and its outcome once it is over."""

    done: int = 0
    outcome: str = ""


@dataclass
class ProgressRecord:
    """What the record says of a commit.

    Attributes:
        pid: The process.
        files: By key.
    """

    pid: int
    files: dict[str, FileRecord] = field(default_factory=dict)

    def take(self, line: str) -> None:
        """Read one line; talk is left out."""
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        item = event.get("item") if isinstance(event, dict) else None
        if not isinstance(event, dict) or not isinstance(item, str):
            return
        file = self.files.setdefault(item, FileRecord())
        match event.get("event"):
            case "begin":
                file.done, file.outcome = 0, ""
            case "advance":
                file.done = int(event.get("done", file.done))
            case "finish":
                file.outcome = safe(event.get("outcome", "done"), limit=_LINE_LIMIT)


class ProgressRecords:
    """The records of one workspace; reads only what was added since the last look."""

    def __init__(self, workspace: Path) -> None:
        name = hashlib.sha256(str(workspace).encode()).hexdigest()[:16]
        self.directory = directories.state_directory() / "commits" / name
        self._read: dict[Path, tuple[int, ProgressRecord]] = {}

    def path(self, rid: str) -> Path:
        """Where the commit of an execution writes; RIDs are harmless as file names."""
        return self.directory / f"{rid}.jsonl"

    def begin(self, rid: str) -> Path:
        """Make room for a new record; what an earlier commit of the execution wrote is gone. Writes the disk."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.path(rid)
        path.with_suffix(".pid").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        return path

    def name_process(self, rid: str, pid: int) -> None:
        """Say whose the record is. Writes the disk."""
        self.path(rid).with_suffix(".pid").write_text(f"{pid}\n")

    def of(self, rid: str) -> ProgressRecord | None:
        """What the record of an execution's commit says now; None when there is none."""
        path = self.path(rid)
        try:
            pid = int(path.with_suffix(".pid").read_text())
            size = path.stat().st_size
        except (OSError, ValueError):
            self._read.pop(path, None)
            return None
        offset, record = self._read.get(path, (0, ProgressRecord(pid)))
        if record.pid != pid or size < offset:
            offset, record = 0, ProgressRecord(pid)
        with path.open("rb") as stream:
            stream.seek(offset)
            added = stream.read()
        whole, newline, _ = added.rpartition(b"\n")
        _take_all(record, whole.decode("utf-8", "replace").splitlines())
        self._read[path] = (offset + len(whole) + len(newline), record)
        return record


def last_words(path: Path) -> str:
    """What a commit said last that is no event: its error and hint. Empty when it said nothing."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    said = [line for line in lines if line.strip() and not line.startswith("{")]
    return "\n".join(safe(line, limit=_LINE_LIMIT) for line in said[-3:])


def _take_all(record: ProgressRecord, lines: Iterable[str]) -> None:
    for line in lines:
        record.take(line)
