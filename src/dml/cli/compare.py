"""``dml compare``: executions side by side."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from dml.cli.app.framework import command, current, single
from dml.cli.app.output import Cell, terminal_width
from dml.cli.app.shell_complete import complete_execution
from dml.cli.app.tables import Column
from dml.errors import NotFoundError, UsageError
from dml.formatting import UNKNOWN, format_duration
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.lineage.compare import Aspect, Comparison

app = single("compare")


@command(
    app,
    "compare",
    examples=[
        ("dml compare 6A2 6A4 6A6", "Compare three runs: configuration, inputs, code, metrics."),
        ("dml compare 6A2 6A4 --plot accuracy", "Also plot a metric."),
    ],
)
def compare(
    rids: Annotated[list[str], Argument(metavar="RID RID…", help="Executions.", autocompletion=complete_execution)],
    everything: Annotated[bool, Option("--all", help="Also show what is identical in all.")] = False,
    plot: Annotated[str | None, Option("--plot", metavar="METRIC", help="Plot this metric.")] = None,
    output: Annotated[
        Path | None,
        Option(
            "--output", "-o", metavar="FILE", help="Write the plot to a .svg or .png file; PNG needs the extra `plots`."
        ),
    ] = None,
) -> None:
    """Show executions side by side: configuration, inputs, code, durations, metrics."""
    from dml.catalog.connection import connect
    from dml.lineage.compare import compare_executions
    from dml.metrics.plot_file import check_drawing, write_plot

    if output is not None:
        if plot is None:
            raise UsageError("--output requires --plot", hint="dml compare RID RID --plot METRIC --output FILE.svg")
        check_drawing(output)
    invocation = current()
    catalog = connect(invocation.target, on_wait=invocation.console.say)
    found = compare_executions(catalog, rids)
    curves = _curves(found, plot) if plot is not None else {}
    if output is not None:
        write_plot(output, plot or "", curves)
        invocation.console.say(f"{output} written")
    document = {
        "executions": [run.execution.rid for run in found.runs],
        "aspects": [{**asdict(aspect), "differs": aspect.differs} for aspect in found.aspects],
        "steps": {run.execution.rid: [dict(step) for step in run.steps] for run in found.runs},
    }
    invocation.console.emit("compare", document, lambda: _print(found, curves, everything, drawn=output is not None))


def _curves(found: Comparison, metric: str) -> dict[str, list[float]]:
    known = {name: None for run in found.runs for name in run.metrics}
    if metric not in known:
        names = ", ".join(safe(name, limit=40) for name in list(known)[:12]) or "none"
        raise NotFoundError(f"no metric {metric!r} in these executions", hint=f"Metrics: {names}.")
    return {run.execution.rid: [step[metric] for step in run.steps if metric in step] for run in found.runs}


def _print(found: Comparison, curves: dict[str, list[float]], everything: bool, *, drawn: bool) -> None:
    from dml.metrics.plot import MARKS, character_plot

    console = current().console
    shown = [aspect for aspect in found.aspects if everything or aspect.differs]
    columns = [Column(""), *(Column(run.execution.rid) for run in found.runs)]
    console.table(columns, [[_name(aspect), *_cells(aspect)] for aspect in shown])
    same = len(found.aspects) - len(shown)
    if same:
        console.print(Cell(f"{same} more are identical (--all)", "bright_black"))
    if curves and not drawn:
        for line in character_plot(curves, width=max(20, min(100, terminal_width() - 14))):
            console.print(line)
        console.print("   ".join(f"{MARKS[place % len(MARKS)]} {name}" for place, name in enumerate(curves)))


def _name(aspect: Aspect) -> Cell:
    return Cell(f"{aspect.group} {safe(aspect.name, limit=40)}", "cyan" if aspect.differs else "")


def _cells(aspect: Aspect) -> list[Any]:
    def cell(value: str | float | None) -> str:
        if value is None:
            return UNKNOWN
        if isinstance(value, float):
            return format_duration(value) if aspect.name == "duration" else f"{value:.5g}"
        return safe(value, limit=120)

    return [cell(value) for value in aspect.values]
