"""Curves of a metric, one for each execution: as characters for a terminal, and as an SVG drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from dml.safe_text import safe

__all__ = ["character_plot", "svg_plot"]

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
            row = round((high - value) * (height - 1) / (high - low))
            grid[row][column] = MARKS[place % len(MARKS)]
    labels = {0: f"{high:.4g}", height - 1: f"{low:.4g}"}
    return [f"{labels.get(row, ''):>9} │{''.join(cells).rstrip()}" for row, cells in enumerate(grid)]


def svg_plot(title: str, curves: Curves, *, width: int = 720, height: int = 360) -> str:
    """The curves as an SVG file with axes' ends and a legend."""
    drawn = {name: values for name, values in curves.items() if values}
    low, high = _range(drawn) if drawn else (0.0, 1.0)
    longest = max((len(values) for values in drawn.values()), default=1)
    left, top, across, down = 70, 40, width - 220, height - 80
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<text x="{left}" y="24" font-size="15">{_text(title)}</text>',
        f'<rect x="{left}" y="{top}" width="{across}" height="{down}" fill="none" stroke="#9aa7b3"/>',
        f'<text x="{left - 6}" y="{top + 5}" font-size="11" text-anchor="end">{high:.4g}</text>',
        f'<text x="{left - 6}" y="{top + down}" font-size="11" text-anchor="end">{low:.4g}</text>',
        f'<text x="{left + across}" y="{top + down + 16}" font-size="11" text-anchor="end">step {longest}</text>',
    ]
    for place, (name, values) in enumerate(drawn.items()):
        colour = COLOURS[place % len(COLOURS)]
        points = " ".join(
            f"{left + step * across / max(1, longest - 1):.1f},{top + (high - value) * down / (high - low):.1f}"
            for step, value in enumerate(values)
        )
        y = top + 14 + 18 * place
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts.append(f'<text x="{left + across + 12}" y="{y}" font-size="12" fill="{colour}">{_text(name)}</text>')
    return "".join([*parts, "</svg>\n"])


def _range(curves: Curves) -> tuple[float, float]:
    values = [value for one in curves.values() for value in one]
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _text(text: str) -> str:
    return escape(safe(text, limit=60), quote=True)
