"""``dml metrics``: what executions measured, as a table, a plot in the terminal, or a drawing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from dml.cli.app.framework import command, current, single
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Column, Console, terminal_width
from dml.cli.app.shell_complete import complete_execution
from dml.formatting import UNKNOWN

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
    plot: Annotated[str | None, Option("--plot", metavar="METRIC", help="Plot this metric.")] = None,
    output: Annotated[
        Path | None,
        Option(
            "--output", "-o", metavar="FILE", help="Write the plot to a .svg or .png file; PNG needs the extra `plots`."
        ),
    ] = None,
    steps: Annotated[bool, Option("--steps", help="With --json, include every step.")] = False,
) -> None:
    """Show the metrics of executions, from their metrics files (JSON Lines, one object per step)."""
    from functools import partial

    from dml.asset.lookup import check_execution
    from dml.catalog.concurrency import gather
    from dml.catalog.rids import validate_rid
    from dml.errors import UsageError
    from dml.metrics.plot_file import check_drawing, write_plot
    from dml.metrics.read import find_metrics_files, last_of, read_steps

    if output is not None:
        if plot is None:
            raise UsageError("--output requires --plot", hint=f"dml metrics {' '.join(rids)} --plot METRIC -o {output}")
        check_drawing(output)
    console, catalog = current().console, open_catalog()
    wanted = list(dict.fromkeys(map(validate_rid, rids)))
    files = find_metrics_files(catalog, wanted)
    for rid in wanted:
        if rid not in files:
            check_execution(catalog, rid)
    read = gather([partial(read_steps, catalog, file) for file in files.values()])
    found = dict(zip(files, read, strict=True))
    last = {rid: last_of(found.get(rid, ())) for rid in wanted}
    curves = {} if plot is None else _curves(found, last, plot)
    if output is not None and plot is not None:
        write_plot(output, plot, curves)
    payload = {
        "executions": [
            {
                "rid": rid,
                "asset": files[rid].rid if rid in files else None,
                "filename": files[rid].filename if rid in files else None,
                "last": last[rid],
                **({"steps": found.get(rid, [])} if steps else {}),
            }
            for rid in wanted
        ]
    }

    def render() -> None:
        _print(console, wanted, last, curves if output is None else {})
        if output is not None:
            console.say(f"{output} written")

    console.emit("metrics", payload, render)


def _curves(
    found: dict[str, list[dict[str, float]]], last: dict[str, dict[str, float]], metric: str
) -> dict[str, list[float]]:
    from dml.errors import NotFoundError
    from dml.safe_text import safe

    known = list(dict.fromkeys(name for values in last.values() for name in values))
    if metric not in known:
        names = ", ".join(safe(name, limit=40) for name in known[:12]) or "none"
        raise NotFoundError(f"no metric {metric!r} in these executions", hint=f"Metrics: {names}.")
    return {rid: [step[metric] for step in steps if metric in step] for rid, steps in found.items()}


def _print(
    console: Console, wanted: list[str], last: dict[str, dict[str, float]], curves: dict[str, list[float]]
) -> None:
    from dml.metrics.plot import MARKS, character_plot

    names = list(dict.fromkeys(name for values in last.values() for name in values))
    columns = [Column("metric"), *(Column(rid, whole=True, right=True) for rid in wanted)]
    lines = [[name, *(f"{last[rid][name]:.5g}" if name in last[rid] else UNKNOWN for rid in wanted)] for name in names]
    if lines:
        console.table(columns, lines)
    silent = [rid for rid in wanted if not last[rid]]
    if silent:
        console.say(f"no metrics file: {', '.join(silent)}")
    if curves:
        for line in character_plot(curves, width=max(20, min(100, terminal_width() - 14))):
            console.print(line)
        console.print("   ".join(f"{MARKS[place % len(MARKS)]} {name}" for place, name in enumerate(curves)))
