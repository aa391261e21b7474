"""Curves of a metric, one for each execution: as characters for a terminal, laid out for a drawing, and as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from dml.safe_text import safe

__all__ = ["Curve", "Layout", "Words", "character_plot", "laid_out", "svg_plot"]

Curves = Mapping[str, Sequence[float]]
"""Values by the name of the curve, in the order of steps."""

MARKS = "●○▲△■□◆◇"
COLOURS = ("#0b6bcb", "#c0392b", "#1e8449", "#7d3c98", "#b9770e", "#117a65", "#34495e", "#a04000")


def character_plot(curves: Curves, *, width: int = 60, height: int = 12) -> list[str]:
    """The curves as lines of text with their range at the left; a legend is the caller's.

    Args:
        curves: What is drawn; each curve has its mark by its place, as in ``MARKS``.
        width, height: Of the drawing in characters.
    """
    drawn = {name: values for name, values in curves.items() if values}
    if not drawn:
        return []
    low, high = _range(drawn)
    grid = [[" "] * width for _ in range(height)]
    longest = max(len(values) for values in drawn.values())
    for place, name in enumerate(curves):
        for step, value in enumerate(curves[name]):
            column = round(step * (width - 1) / max(1, longest - 1))
            row = round(_fallen(value, low, high) * (height - 1))
            grid[row][column] = MARKS[place % len(MARKS)]
    labels = {0: f"{high:.4g}", height - 1: f"{low:.4g}"}
    return [f"{labels.get(row, ''):>9} │{''.join(cells).rstrip()}" for row, cells in enumerate(grid)]


@dataclass(frozen=True)
class Words:
    """A piece of text in a drawing.

    Attributes:
        text: Safe to show.
        x, y: Where its baseline begins, or ends where ``anchor`` is ``end``; in points from the upper left.
        size: Of the letters in points.
        anchor: Which end of it is at ``x``.
        colour: As ``#rrggbb``.
    """

    text: str
    x: float
    y: float
    size: int
    anchor: Literal["start", "end"] = "start"
    colour: str = "#000000"


@dataclass(frozen=True)
class Curve:
    """A curve in a drawing: its points, from the upper left, and its colour as ``#rrggbb``."""

    points: tuple[tuple[float, float], ...]
    colour: str


@dataclass(frozen=True)
class Layout:
    """A drawing before it has a format.

    Attributes:
        width, height: Of the whole in points.
        frame: Left, top, right and bottom of the curves' frame.
        words: Title, ends of the axes, legend.
        curves: In the order of the legend.
    """

    width: int
    height: int
    frame: tuple[int, int, int, int]
    words: tuple[Words, ...]
    curves: tuple[Curve, ...]


LINE_WIDTH = 1.8
FRAME_COLOUR = "#9aa7b3"


def laid_out(title: str, curves: Curves, *, width: int = 720, height: int = 360) -> Layout:
    """The curves in a frame with the ends of its axes and a legend; higher than ``height`` where the legend is."""
    drawn = {name: values for name, values in curves.items() if values}
    height = max(height, 80 + 18 * len(drawn))
    low, high = _range(drawn) if drawn else (0.0, 1.0)
    longest = max((len(values) for values in drawn.values()), default=1)
    left, top, across, down = 70, 40, width - 220, height - 80
    words = [
        Words(safe(title, limit=60), left, 24, 15),
        Words(f"{high:.4g}", left - 6, top + 5, 11, "end"),
        Words(f"{low:.4g}", left - 6, top + down, 11, "end"),
        Words(f"step {longest}", left + across, top + down + 16, 11, "end"),
    ]
    lines = []
    for place, (name, values) in enumerate(drawn.items()):
        colour = COLOURS[place % len(COLOURS)]
        points = (
            (left + step * across / max(1, longest - 1), top + _fallen(value, low, high) * down)
            for step, value in enumerate(values)
        )
        lines.append(Curve(tuple(points), colour))
        words.append(Words(safe(name, limit=60), left + across + 12, top + 14 + 18 * place, 12, "start", colour))
    return Layout(width, height, (left, top, left + across, top + down), tuple(words), tuple(lines))


def svg_plot(title: str, curves: Curves) -> str:
    """The curves as an SVG file with axes' ends and a legend; a curve of one value is a dot."""
    drawing = laid_out(title, curves)
    left, top, right, bottom = drawing.frame
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width} {drawing.height}" '
        'font-family="sans-serif">',
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" '
        f'stroke="{FRAME_COLOUR}"/>',
    ]
    for one in drawing.words:
        end = ' text-anchor="end"' if one.anchor == "end" else ""
        at = f'x="{one.x:g}" y="{one.y:g}" font-size="{one.size}"{end} fill="{one.colour}"'
        parts.append(f"<text {at}>{escape(one.text, quote=True)}</text>")
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
    values = [value for one in curves.values() for value in one]
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _fallen(value: float, low: float, high: float) -> float:
    """How far a value is below the highest, as a share of the range; halves, as a range may be beyond all numbers."""
    return (high / 2 - value / 2) / (high / 2 - low / 2)
