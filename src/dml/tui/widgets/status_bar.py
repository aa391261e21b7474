"""The first line: which catalog, who one is there, the time, and how fresh what the catalog said is."""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from dml.formatting import format_relative_time
from dml.safe_text import safe
from dml.tui.state import Local, Remote


class StatusBar(Widget):
    """One line; ``show`` gives it what to say."""

    def __init__(self, target: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._target = target
        self._remote = Remote()
        self._local = Local()
        self._now: datetime | None = None

    def show(self, local: Local, remote: Remote, now: datetime) -> None:
        """Say this from now on."""
        self._local, self._remote, self._now = local, remote, now
        self.refresh()

    def render(self) -> Text:
        """Left what does not change, right what does; the left gives way when it is narrow."""
        right = self._right()
        room = self.size.width - cell_len(right.plain) - 2
        left = Text(f" dml · {safe(self._target, limit=max(1, room - 7))}" if room > 8 else "", no_wrap=True)
        left.append(" " * max(1, self.size.width - cell_len(left.plain) - cell_len(right.plain) - 1))
        return left + right

    def _right(self) -> Text:
        if self._now is None:
            return Text("reading …")
        remote, parts = self._remote, []
        if self._local.problem:
            parts.append(f"registry: {safe(self._local.problem, limit=40)}")
        if remote.identity and self.size.width >= 70:
            parts.append(safe(remote.identity, limit=30))
        parts.append(f"{self._now.astimezone():%H:%M}")
        if remote.lost_since is not None:
            why = f" ({safe(remote.problem, limit=self.size.width // 3)})" if self.size.width >= 100 else ""
            parts.append(f"✖ no answer since {remote.lost_since.astimezone():%H:%M}{why}")
        elif remote.polled_at is not None:
            parts.append(f"polled {duration_ago(remote.polled_at, self._now)}")
        else:
            parts.append("asking …")
        return Text(" · ".join(parts), style="bold" if remote.is_lost or self._local.problem else "")


def duration_ago(instant: datetime, now: datetime) -> str:
    """``3 s ago``; ``just now`` for less than two seconds; as everywhere from a minute on."""
    seconds = (now - instant).total_seconds()
    if seconds < 2:
        return "just now"
    return f"{round(seconds)} s ago" if seconds < 60 else format_relative_time(instant, now)
