"""How commits look in a list: a line for each execution and one for each of its files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from dml.formatting import format_duration, format_size, pluralize
from dml.safe_text import safe
from dml.tui.execution_views import TEXT_LIMIT
from dml.tui.state import Commit, FileProgress
from dml.tui.widgets.row_list import RowCell, RowColumn

BAR = 10
FILES_SHOWN = 200
"""Files of one commit that are listed: those on their way first."""

COLUMNS: Final = (
    RowColumn("RID", 6),
    RowColumn("File", 0, least=24),
    RowColumn("State", 11),
    RowColumn("Progress", BAR + 5),
    RowColumn("Bytes", 20, rank=2),
    RowColumn("Rate", 10, right=True),
    RowColumn("Left", 9, rank=1, right=True),
    RowColumn("Piece", 9, rank=4, right=True),
    RowColumn("Again", 5, rank=3, right=True),
)

_KINDS: Final = {"sending": "accent", "uploading": "accent", "failed": "bad", "halted": "warn", "waiting": "dim"}
_SIGNS: Final = {
    "sending": "▲",
    "uploading": "▲",
    "failed": "✖",
    "halted": "◍",
    "waiting": "·",
    "sent": "✔",
    "uploaded": "✔",
}
_URGENT: Final = {"sending": 0, "failed": 1, "waiting": 2}


class UploadLine(NamedTuple):
    """A line: a commit, or a file of one."""

    commit: Commit
    file: FileProgress | None = None

    @property
    def key(self) -> str:
        """Tells lines apart."""
        return self.commit.rid if self.file is None else f"{self.commit.rid} {self.file.key}"


def lines_of(commits: Iterable[Commit]) -> list[UploadLine]:
    """All lines: commits of living processes first, the files of each below it, those on their way first."""
    lines: list[UploadLine] = []
    for commit in sorted(commits, key=lambda one: one.holder is None):
        lines.append(UploadLine(commit))
        files = sorted(commit.files, key=lambda file: _URGENT.get(file.state, 3))
        lines += [UploadLine(commit, file) for file in files[:FILES_SHOWN]]
    return lines


def cells_of(line: UploadLine) -> tuple[RowCell, ...]:
    """A line of the list."""
    return _of_file(line.file) if line.file is not None else _of_commit(line.commit)


def numbers_of(line: UploadLine) -> str:
    """All numbers of a line in words, for those that a narrow list leaves out."""
    commit, file = line
    one = file or commit
    total = file.size if file is not None else commit.total
    left = _left(file) if file is not None else commit.seconds_left
    parts = [
        file.key if file is not None else pluralize(len(commit.files), "file"),
        f"{format_size(one.done)} of {format_size(total)}",
        _rate(one.rate),
        f"{format_duration(left)} left" if left is not None else "",
        f"piece {file.chunk} of {file.chunks}" if file is not None and file.chunk else "",
        f"{pluralize(commit.retries, 'request')} sent again" if commit.retries else "",
    ]
    return " · ".join(part for part in parts if part)


def _left(file: FileProgress) -> float | None:
    return (file.size - file.done) / file.rate if file.rate and file.size else None


def _of_commit(one: Commit) -> tuple[RowCell, ...]:
    finished = sum(1 for file in one.files if file.state not in _URGENT)
    name = f"{one.workflow_name or 'execution'} · {finished} of {pluralize(len(one.files), 'file')}"
    state = "uploading" if one.holder is not None else "halted"
    return (
        RowCell(safe(one.rid)),
        RowCell(safe(name, limit=TEXT_LIMIT)),
        _state(state),
        RowCell(_bar(one.done, one.total)),
        RowCell(f"{format_size(one.done)} of {format_size(one.total)}"),
        RowCell(_rate(one.rate)),
        RowCell(format_duration(one.seconds_left) if one.seconds_left is not None else ""),
        RowCell(""),
        RowCell(str(one.retries) if one.retries else ""),
    )


def _of_file(file: FileProgress) -> tuple[RowCell, ...]:
    left = _left(file)
    shared = file.state.startswith("already")
    size = file.size or 0
    return (
        RowCell(""),
        RowCell(safe(file.key, limit=TEXT_LIMIT)),
        RowCell("✔ shared") if shared else _state(file.state),
        RowCell(_bar(size if shared else file.done, size) if file.size else ""),
        RowCell(f"{format_size(file.done)} of {format_size(file.size)}"),
        RowCell(_rate(file.rate)),
        RowCell(format_duration(left) if left is not None else ""),
        RowCell(f"{file.chunk} of {file.chunks}" if file.chunk else ""),
        RowCell(""),
    )


def _state(word: str) -> RowCell:
    return RowCell(f"{_SIGNS.get(word, '·')} {word}", _KINDS.get(word, ""))


def _rate(rate: float | None) -> str:
    return f"{format_size(round(rate))}/s" if rate else ""


def _bar(done: int, total: int) -> str:
    """``━━━━━━──── 62%``."""
    share = min(1.0, done / total) if total else 0.0
    full = int(share * BAR)
    return f"{'━' * full}{'─' * (BAR - full)} {int(share * 100):>3}%"
