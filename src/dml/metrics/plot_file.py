"""Plots of metric curves as files: SVG, or PNG drawn with Pillow (extra ``plots``)."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from dml.errors import DmlError, UsageError
from dml.metrics.plot import FRAME_COLOUR, LINE_WIDTH, Curves, Layout, lay_out, svg_plot

__all__ = ["check_drawing", "write_plot"]

SCALE = 2
"""Pixels for each point of the layout: sharp on high-density screens and in print."""

_SUPERSAMPLING = 2
"""Factor by which lines are drawn larger and then reduced, since Pillow does not antialias them."""


def check_drawing(path: Path) -> None:
    """Reject a file that cannot be drawn, before anything is read for it.

    Raises:
        UsageError: The file is neither .svg nor .png, or it is .png and Pillow is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise UsageError(f"{path} is no drawing", hint="Name a file .svg or .png.")
    if suffix == ".png" and find_spec("PIL") is None:
        raise UsageError(
            "a PNG needs Pillow, which is not installed",
            hint="pip install 'deriva-dml[plots]', or name a file .svg.",
        )


def write_plot(path: Path, title: str, curves: Curves) -> None:
    """Write a plot of curves in the format of the file name.

    Args:
        path: A .svg or .png file. A PNG has 1440 by 720 pixels, or is higher for a long legend.
        title: Title of the drawing.
        curves: Values by name, in the order of the steps.

    Raises:
        UsageError: As ``check_drawing``.
        DmlError: The file cannot be written.
    """
    check_drawing(path)
    png = path.suffix.lower() == ".png"
    content = _png(lay_out(title, curves)) if png else svg_plot(title, curves).encode()
    try:
        path.write_bytes(content)
    except OSError as error:
        raise DmlError(f"cannot write {path}: {error.strerror}") from error


def _png(drawing: Layout) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    fine = SCALE * _SUPERSAMPLING
    image = Image.new("RGB", (drawing.width * fine, drawing.height * fine), "#ffffff")
    draw = ImageDraw.Draw(image)
    draw.rectangle([edge * fine for edge in drawing.frame], outline=FRAME_COLOUR, width=fine)
    for curve in drawing.curves:
        points = [(x * fine, y * fine) for x, y in curve.points]
        if len(points) == 1:
            draw.circle(points[0], 1.5 * LINE_WIDTH * fine, fill=curve.colour)
        else:
            draw.line(points, fill=curve.colour, width=round(LINE_WIDTH * fine), joint="curve")
    for label in drawing.labels:
        font = ImageFont.load_default(label.size * fine)
        anchor = "rs" if label.anchor == "end" else "ls"
        draw.text((label.x * fine, label.y * fine), label.text, fill=label.colour, font=font, anchor=anchor)
    small = image.resize((drawing.width * SCALE, drawing.height * SCALE), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()
