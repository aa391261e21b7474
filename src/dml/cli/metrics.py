"""``dml metrics``: the metrics of executions as a table, as curves in the terminal, or as a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from dml.cli.app.framework import command, current, single
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Column, Console
from dml.cli.app.shell_complete import complete_execution
from dml.cli.metric_plots import Output, Plot, check_plot_options, print_curves
from dml.formatting import UNKNOWN

if TYPE_CHECKING:
    from dml.metrics.read import ExecutionMetrics

app = single("metrics")


@command(
    app,
    "metrics",
    examples=[
        ("dml metrics 6A2 6A4", "The last value of each metric, side by side."),
        ("dml metrics 6A2 6A4 --plot accuracy", "Also plot one of them in the terminal."),
        ("dml metrics 6A2 6A4 --plot accuracy --output accuracy.png", "Write the plot as an image (.png or .svg)."),
    ],
)
def metrics(
    rids: Annotated[list[str], Argument(metavar="RID...", help="Executions.", autocompletion=complete_execution)],
    plot: Plot = None,
    output: Output = None,
    steps: Annotated[bool, Option("--steps", help="With --json, include every step.")] = False,
) -> None:
    """Show the metrics of executions, from their metrics files (JSON Lines, one object per step)."""
    from dml.asset.execution_edges import check_execution
    from dml.catalog.rids import validate_rid
    from dml.metrics.plot_file import write_plot
    from dml.metrics.read import curves_of, read_metrics

    check_plot_options(f"dml metrics {' '.join(rids)}", plot, output)
    console, catalog = current().console, open_catalog()
    metrics = read_metrics(catalog, map(validate_rid, rids))
    for rid, values in metrics.items():
        if values.file is None:
            check_execution(catalog, rid)
    curves = {} if plot is None else curves_of(metrics, plot)
    if output is not None and plot is not None:
        write_plot(output, plot, curves)
    payload = {
        "executions": [
            {
                "rid": rid,
                "asset": values.file.rid if values.file else None,
                "filename": values.file.filename if values.file else None,
                "last": values.last,
                **({"steps": [dict(step) for step in values.steps]} if steps else {}),
            }
            for rid, values in metrics.items()
        ]
    }

    def render() -> None:
        _print(console, metrics)
        if output is not None:
            console.say(f"{output} written")
        elif curves:
            print_curves(console, curves)

    console.emit("metrics", payload, render)


def _print(console: Console, metrics: Mapping[str, ExecutionMetrics]) -> None:
    last = {rid: values.last for rid, values in metrics.items()}
    names = list(dict.fromkeys(name for values in last.values() for name in values))
    columns = [Column("metric"), *(Column(rid, whole=True, right=True) for rid in metrics)]
    lines = [[name, *(f"{last[rid][name]:.5g}" if name in last[rid] else UNKNOWN for rid in last)] for name in names]
    if lines:
        console.table(columns, lines)
    empty = [rid for rid in last if not last[rid]]
    if empty:
        console.say(f"no metrics file: {', '.join(empty)}")
