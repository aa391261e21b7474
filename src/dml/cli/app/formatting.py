"""Statuses as cells of a table."""

from __future__ import annotations

from dml.cli.app.tables import Cell
from dml.formatting import status_symbol

__all__ = ["liveness_cell", "status_cell"]


def status_cell(status: str | None) -> Cell:
    """A status with its symbol; an unknown status, as in older catalogs, is shown unchanged."""
    if status is None:
        return Cell("· none", "bright_black")
    symbol, style = status_symbol(status)
    return Cell(f"{symbol} {status}", style)


def liveness_cell(status: str | None, liveness: str | None) -> Cell:
    """A ``Running`` status with the liveness of its process: ``✖ Running, dead``, ``● Running, other host``."""
    if status != "Running" or liveness in (None, "", "running", "alive"):
        return status_cell(status)
    return Cell(f"✖ Running, {liveness}", "red") if liveness == "dead" else Cell(f"● Running, {liveness}", "yellow")
