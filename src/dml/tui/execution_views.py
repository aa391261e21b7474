"""How executions look in a list: pure functions from data to cells, tabs, orders and filters; a word for every sign."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dml.execution.durations import elapsed, parse_duration
from dml.execution.status import ExecutionStatus, effective_status, shown_status
from dml.formatting import UNKNOWN, format_duration, format_relative_time, format_size, pluralize, status_symbol
from dml.safe_text import safe
from dml.tui.widgets.row_list import RowCell, RowColumn

if TYPE_CHECKING:
    from dml.execution.local_list import LocalExecution

S = ExecutionStatus

TEXT_LIMIT = 200
"""Characters of a foreign text that a line shows at most."""

KINDS: Final = {"green": "good", "red": "bad", "yellow": "warn", "cyan": "accent", "bright_black": "dim"}

COLUMNS: Final = (
    RowColumn("RID", 6),
    RowColumn("Status", 16),
    RowColumn("Workflow", 0, rank=1, least=16, most=30),
    RowColumn("To upload", 16),
    RowColumn("Age", 10, rank=2),
    RowColumn("Duration", 10, rank=3, right=True),
    RowColumn("Details", 0),
)


class Tab(NamedTuple):
    """A part of the executions."""

    name: str
    holds: Callable[[LocalExecution], bool]


def is_pending(one: LocalExecution) -> bool:
    """Whether it waits to be uploaded: not running, not given up, with outputs the catalog does not have."""
    status = effective_status(one.status)
    return status is S.PENDING_UPLOAD or (bool(one.pending) and status not in (S.RUNNING, S.ABORTED))


TABS: Final = (
    Tab("pending", is_pending),
    Tab("running", lambda one: bool(one.life) and one.life != "dead"),
    Tab("dead", lambda one: one.life == "dead"),
    Tab("failed", lambda one: effective_status(one.status) is S.FAILED),
    Tab("all", lambda one: one is not None),
)


def need(one: LocalExecution) -> int:
    """How much it needs someone: 0 lost its process, 1 failed, 2 waits to be uploaded, 3 runs, 4 created, 5 nothing."""
    if one.life:
        return 0 if one.life == "dead" else 3
    status = effective_status(one.status)
    if status is S.FAILED and one.pending:
        return 1
    if is_pending(one):
        return 2
    return 4 if status is S.CREATED else 5


def length_of(one: LocalExecution, now: datetime) -> float | None:
    """Seconds that it took, or takes until now."""
    if one.life and one.life != "dead":
        return elapsed(one.row.start_time, now)
    return parse_duration(one.row.duration) or elapsed(one.row.start_time, one.row.stop_time)


class Order(NamedTuple):
    """A way to sort; ``key`` is the capital letter that chooses it."""

    key: str
    name: str
    value: Callable[[LocalExecution], Any]
    falling: bool = False


_EARLIEST = datetime.min.replace(tzinfo=UTC)

ORDERS: Final = (
    Order("N", "need", need),
    Order("R", "RID", lambda one: (len(one.rid), one.rid)),
    Order("S", "status", lambda one: one.status),
    Order("W", "workflow", lambda one: one.workflow_name.casefold()),
    Order("A", "age", lambda one: one.row.last_activity or _EARLIEST, falling=True),
    Order("D", "duration", lambda one: parse_duration(one.row.duration) or 0.0, falling=True),
    Order("P", "to upload", lambda one: (one.pending.bytes, one.pending.files + one.pending.features), falling=True),
)


def arranged(summaries: Iterable[LocalExecution], tab: Tab, order: Order, words: str = "") -> list[LocalExecution]:
    """The executions of a tab that hold every word of a filter, in order; equal ones stay the latest first."""
    wanted = words.casefold().split()
    found = [one for one in summaries if tab.holds(one) and (not wanted or _matches(one, wanted))]
    return sorted(found, key=order.value, reverse=order.falling)


def _matches(one: LocalExecution, words: Sequence[str]) -> bool:
    row = one.row
    texts = (row.rid, row.status, one.life, one.workflow_name, row.description, row.error, row.status_detail)
    whole = "\n".join(text for text in texts if text).casefold()
    return all(word in whole for word in words)


def status_of(one: LocalExecution) -> RowCell:
    """Its status with what is known of its process."""
    if one.life == "dead":
        return RowCell("✖ dead", "bad")
    symbol, colour = status_symbol(one.status)
    other = {"elsewhere": " elsewhere", "unknown": "?"}.get(one.life, "")
    return RowCell(f"{symbol} {shown_status(one.status)}{other}", KINDS.get(colour, ""))


def to_upload(one: LocalExecution) -> str:
    """What waits: ``2 files 1.2 GiB``, ``48 rows``; empty when nothing does."""
    pending = one.pending
    parts = []
    if pending.files:
        about = "+" if pending.unsized else ""
        parts.append(f"{pluralize(pending.files, 'file')} {format_size(pending.bytes)}{about}")
    if pending.features:
        parts.append(pluralize(pending.features, "row"))
    return ", ".join(parts)


def cells_of(one: LocalExecution, now: datetime) -> tuple[RowCell, ...]:
    """A line of the list."""
    seconds = length_of(one, now)
    return (
        RowCell(safe(one.rid)),
        status_of(one),
        RowCell(safe(one.workflow_name or one.row.workflow_rid or UNKNOWN, limit=TEXT_LIMIT)),
        RowCell(to_upload(one)),
        RowCell(format_relative_time(one.row.last_activity, now)),
        RowCell(format_duration(seconds) if seconds is not None else ""),
        RowCell(safe(one.remark.strip(), limit=TEXT_LIMIT), "bad" if one.row.error or one.life == "dead" else ""),
    )
