"""``dml compare``: executions side by side."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from dml.cli.app.framework import command, current, single
from dml.cli.app.output import Cell
from dml.cli.app.shell_complete import complete_execution
from dml.cli.app.tables import Column
from dml.cli.metric_plots import Output, Plot, check_plot_options, print_curves
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
    plot: Plot = None,
    output: Output = None,
) -> None:
    """Show executions side by side: configuration, inputs, code, durations, metrics."""
    from dml.catalog.connection import connect
    from dml.lineage.compare import compare_executions
    from dml.metrics.plot_file import write_plot
    from dml.metrics.read import curves_of

    check_plot_options("dml compare RID RID", plot, output)
    invocation = current()
    catalog = connect(invocation.target, on_wait=invocation.console.say)
    comparison = compare_executions(catalog, rids)
    metrics = {compared.execution.rid: compared.metrics for compared in comparison.executions}
    curves = curves_of(metrics, plot) if plot is not None else {}
    if output is not None and plot is not None:
        write_plot(output, plot, curves)
        invocation.console.say(f"{output} written")
    document = {
        "executions": list(metrics),
        "aspects": [{**asdict(aspect), "differs": aspect.differs} for aspect in comparison.aspects],
        "steps": {rid: [dict(step) for step in values.steps] for rid, values in metrics.items()},
    }
    invocation.console.emit(
        "compare", document, lambda: _print(comparison, curves if output is None else {}, everything)
    )


def _print(comparison: Comparison, curves: dict[str, list[float]], everything: bool) -> None:
    console = current().console
    shown = [aspect for aspect in comparison.aspects if everything or aspect.differs]
    columns = [Column(""), *(Column(compared.execution.rid) for compared in comparison.executions)]
    console.table(columns, [[_name(aspect), *_cells(aspect)] for aspect in shown])
    same = len(comparison.aspects) - len(shown)
    if same:
        console.print(Cell(f"{same} more are identical (--all)", "bright_black"))
    if curves:
        print_curves(console, curves)


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
