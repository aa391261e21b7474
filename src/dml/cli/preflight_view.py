"""The preflight report on a terminal and as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dml.formatting import format_duration, format_size, pluralize

if TYPE_CHECKING:
    from dml.cli.app.output import Console
    from dml.preflight.results import Report, Result, RunSummary

__all__ = ["document", "print_summary", "render"]

STYLES: Final = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}
_FINE: Final = 6
"""Results of one group that found all well, above which they are counted instead of listed."""


def document(report: Report, mended: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of ``dml.preflight/1``."""
    from dml.preflight.results import State

    return {
        "passed": report.passed,
        "counts": {str(state): report.count(state) for state in State},
        "results": [
            {
                "group": result.group,
                "check": result.check,
                "state": str(result.state),
                "message": result.message,
                "fix": result.fix or None,
                "subject": result.subject or None,
            }
            for result in report.results
        ],
        "summary": report.summary,
        "fixed": list(mended),
        "requests": report.requests,
        "seconds": round(report.seconds, 3),
    }


def render(console: Console, report: Report, mended: Sequence[str] = ()) -> None:
    """Print the report for people."""
    from dml.preflight.results import GROUPS, State

    summary = report.summary
    checks = pluralize(len(report.results), "check")
    where = f" · {summary.target.replace('/', ' / ')}" if summary.target else ""
    console.print(
        f"Preflight  {summary.experiment}{where} · {checks} in {format_duration(report.seconds)},"
        f" {pluralize(report.requests, 'request')}"
    )
    console.print()
    for group in GROUPS:
        _render_group(console, group, report.of(group))
    for line in mended:
        console.print(f" fixed: {line}")
    print_summary(console, summary)
    console.print()
    failures, warnings = report.count(State.FAILED), report.count(State.WARNING)
    parts = [f"{failures} failed"] * bool(failures) + [pluralize(warnings, "warning")] * bool(warnings)
    console.print(f"{', '.join(parts) or 'All checks passed'}." + ("" if mended else " Nothing was written."))


def _render_group(console: Console, group: str, results: Sequence[Result]) -> None:
    from dml.preflight.results import State

    fine = [result for result in results if result.state is State.OK]
    others = [result for result in results if result.state is not State.OK]
    listed = [*others, *fine] if console.verbosity > 0 or len(fine) <= _FINE else [*others, *fine[: _FINE - 1]]
    left = len(results) - len(listed)
    title = group
    for result in listed:
        _line(console, title, str(result.state), result.message)
        if result.fix:
            console.print(" " * 26, "fix: ", result.fix)
        title = ""
    if left:
        _line(console, title, "ok", f"and {left} more")


def _line(console: Console, title: str, state: str, message: str) -> None:
    from dml.cli.app.output import Cell, terminal_width
    from dml.cli.app.tables import fold
    from dml.safe_text import safe

    width = max(terminal_width() - 26, 30)
    for position, text in enumerate(fold(safe(message), width)):
        head = f" {title:<15} " if not position else " " * 17
        word = Cell(f"{state:<8}", STYLES.get(state, "")) if not position else Cell(" " * 8)
        console.print(head, word, " ", text)


def print_summary(console: Console, summary: RunSummary) -> None:
    """Print a summary of what will run, if known."""
    rows = [
        ("experiment", summary.experiment + (f", {summary.jobs} jobs" if summary.jobs != 1 else "")),
        ("code", " @ ".join(part for part in (summary.branch, summary.commit) if part)),
        ("version", summary.version),
        ("calls", summary.function),
        ("parameters", ", ".join(f"{key}={value}" for key, value in summary.parameters.items())),
        ("datasets", _tiers(summary.datasets)),
        ("assets", _tiers(summary.assets)),
        ("to fetch", format_size(summary.bytes_to_fetch) if summary.bytes_to_fetch is not None else ""),
    ]
    if not summary.commit and not summary.function and not summary.datasets and not summary.assets:
        return
    console.print()
    for name, value in rows:
        if value:
            _line(console, name, "", value)


def _tiers(inputs: Any) -> str:
    shown = [f"{name} {tier}" for name, tier in list(inputs.items())[:_FINE]]
    more = len(inputs) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
