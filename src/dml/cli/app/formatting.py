"""Statuses as cells of a table, beside the times, sizes and durations that every front end shows alike."""

from __future__ import annotations

from dml.cli.app.tables import Cell
from dml.formatting import (
    UNKNOWN,
    binary_size,
    count,
    duration,
    home_shortened,
    relative_time,
    status_sign,
)

__all__ = [
    "UNKNOWN",
    "binary_size",
    "count",
    "duration",
    "home_shortened",
    "liveness_cell",
    "relative_time",
    "status_cell",
]


def status_cell(status: str | None) -> Cell:
    """A status with its symbol; one that dml does not know (older catalogs hold several) is shown as it stands."""
    if status is None:
        return Cell("· none", "bright_black")
    symbol, style = status_sign(status)
    return Cell(f"{symbol} {status}", style)


def liveness_cell(status: str | None, liveness: str | None) -> Cell:
    """A ``Running`` status with what is known of its process: ``✖ Running, dead``, ``● Running, other host``."""
    if status != "Running" or liveness in (None, "", "running", "alive"):
        return status_cell(status)
    return Cell(f"✖ Running, {liveness}", "red") if liveness == "dead" else Cell(f"● Running, {liveness}", "yellow")
