"""The plot options that ``dml metrics`` and ``dml compare`` share, and curves in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from typer import Option

from dml.cli.app.output import Console, terminal_width
from dml.errors import UsageError

__all__ = ["Output", "Plot", "check_plot_options", "print_curves"]

Plot = Annotated[str | None, Option("--plot", metavar="METRIC", help="Plot this metric.")]
Output = Annotated[
    Path | None,
    Option(
        "--output", "-o", metavar="FILE", help="Write the plot to a .svg or .png file; PNG needs the extra `plots`."
    ),
]


def check_plot_options(command: str, plot: str | None, output: Path | None) -> None:
    """Reject ``--output`` without ``--plot``, and a file that cannot be plotted into, before anything is read.

    Raises:
        UsageError: The options do not fit together, or the file is neither SVG nor PNG.
    """
    from dml.metrics.plot_file import check_drawing

    if output is None:
        return
    if plot is None:
        raise UsageError("--output requires --plot", hint=f"{command} --plot METRIC -o {output}")
    check_drawing(output)


def print_curves(console: Console, curves: Mapping[str, Sequence[float]]) -> None:
    """Print curves and their legend as wide as the terminal, at most 100 characters."""
    from dml.metrics.plot import MARKS, character_plot

    for line in character_plot(curves, width=max(20, min(100, terminal_width() - 14))):
        console.print(line)
    console.print("   ".join(f"{MARKS[number % len(MARKS)]} {name}" for number, name in enumerate(curves)))
