"""Plots of metric curves: as characters for a terminal, as a layout for a drawing, and as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from dml.safe_text import safe

__all__ = ["Curve", "Label", "Layout", "character_plot", "lay_out", "svg_plot"]

Curves = Mapping[str, Sequence[float]]
"""Values by name of the curve, in the order of the steps."""

MARKS = "●○▲△■□◆◇"
COLOURS = ("#0b6bcb", "#c0392b", "#1e8449", "#7d3c98", "#b9770e", "#117a65", "#34495e", "#a04000")


def character_plot(curves: Curves, *, width: int = 60, height: int = 12) -> list[str]:
    """The curves as lines of text with their range at the left and no legend; empty when there are no values.

    Args:
        curves: The curves; the n-th is drawn with the n-th of ``MARKS``, which repeat.
        width, height: Size of the plot area in characters.
    """
    drawn = {name: values for name, values in curves.items() if values}
    if not drawn:
        return []
    low, high = _range(drawn)
    grid = [[" "] * width for _ in range(height)]
    longest = max(len(values) for values in drawn.values())
    for number, name in enumerate(curves):
        for step, value in enumerate(curves[name]):
            column = round(step * (width - 1) / max(1, longest - 1))
            row = round(_share_below(value, low, high) * (height - 1))
            grid[row][column] = MARKS[number % len(MARKS)]
    ends = {0: f"{high:.4g}", height - 1: f"{low:.4g}"}
    return [f"{ends.get(row, ''):>9} │{''.join(cells).rstrip()}" for row, cells in enumerate(grid)]


@dataclass(frozen=True)
class Label:
    """A piece of text in a drawing.

    Attributes:
        text: The text, already made safe for output.
        x, y: Start of the baseline, or its end if ``anchor`` is ``end``; points from the upper left corner.
        size: Font size in points.
        anchor: The end of the text that is at ``x``.
        colour: ``#rrggbb``.
    """

    text: str
    x: float
    y: float
    size: int
    anchor: Literal["start", "end"] = "start"
    colour: str = "#000000"


@dataclass(frozen=True)
class Curve:
    """A curve in a drawing: its points from the upper left corner, and its colour as ``#rrggbb``."""

    points: tuple[tuple[float, float], ...]
    colour: str


@dataclass(frozen=True)
class Layout:
    """A drawing, independent of its file format.

    Attributes:
        width, height: Size of the drawing in points.
        frame: Left, top, right and bottom of the plot area.
        labels: Title, ends of the axes, and legend.
        curves: In the order of the legend.
    """

    width: int
    height: int
    frame: tuple[int, int, int, int]
    labels: tuple[Label, ...]
    curves: tuple[Curve, ...]


LINE_WIDTH = 1.8
FRAME_COLOUR = "#9aa7b3"


def lay_out(title: str, curves: Curves, *, width: int = 720, height: int = 360) -> Layout:
    """Lay out the curves in a frame with axis labels and a legend; the drawing grows with a long legend."""
    drawn = {name: values for name, values in curves.items() if values}
    height = max(height, 80 + 18 * len(drawn))
    low, high = _range(drawn) if drawn else (0.0, 1.0)
    longest = max((len(values) for values in drawn.values()), default=1)
    left, top, across, down = 70, 40, width - 220, height - 80
    labels = [
        Label(safe(title, limit=60), left, 24, 15),
        Label(f"{high:.4g}", left - 6, top + 5, 11, "end"),
        Label(f"{low:.4g}", left - 6, top + down, 11, "end"),
        Label(f"step {longest}", left + across, top + down + 16, 11, "end"),
    ]
    lines = []
    for number, (name, values) in enumerate(drawn.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = (
            (left + step * across / max(1, longest - 1), top + _share_below(value, low, high) * down)
            for step, value in enumerate(values)
        )
        lines.append(Curve(tuple(points), colour))
        labels.append(Label(safe(name, limit=60), left + across + 12, top + 14 + 18 * number, 12, "start", colour))
    return Layout(width, height, (left, top, left + across, top + down), tuple(labels), tuple(lines))


def svg_plot(title: str, curves: Curves) -> str:
    """The curves as an SVG document; a curve with a single value is a dot."""
    drawing = lay_out(title, curves)
    left, top, right, bottom = drawing.frame
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width} {drawing.height}" '
        'font-family="sans-serif">',
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" '
        f'stroke="{FRAME_COLOUR}"/>',
    ]
    for label in drawing.labels:
        end = ' text-anchor="end"' if label.anchor == "end" else ""
        at = f'x="{label.x:g}" y="{label.y:g}" font-size="{label.size}"{end} fill="{label.colour}"'
        parts.append(f"<text {at}>{escape(label.text, quote=True)}</text>")
    for curve in drawing.curves:
        if len(curve.points) == 1:
            x, y = curve.points[0]
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.5 * LINE_WIDTH:g}" fill="{curve.colour}"/>')
            continue
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in curve.points)
        style = f'fill="none" stroke="{curve.colour}" stroke-width="{LINE_WIDTH}"'
        parts.append(f'<polyline points="{points}" {style}/>')
    return "".join([*parts, "</svg>\n"])


def _range(curves: Curves) -> tuple[float, float]:
    values = [value for curve in curves.values() for value in curve]
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _share_below(value: float, low: float, high: float) -> float:
    """The distance of a value below the highest as a share of the range; halved, as the range may overflow a float."""
    return (high / 2 - value / 2) / (high / 2 - low / 2)
