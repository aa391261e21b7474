"""Writes curves of a metric into a file: SVG, or PNG by Pillow (extra ``plots``)."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from dml.errors import DmlError, UsageError
from dml.metrics.plot import FRAME_COLOUR, LINE_WIDTH, Curves, Layout, laid_out, svg_plot

__all__ = ["check_drawing", "write_plot"]

SCALE = 2
"""Pixels for each point of the layout: sharp on today's screens and in print."""

_FINER = 2
"""Lines are drawn larger by this and then reduced, as Pillow draws them without smoothing their edges."""


def check_drawing(path: Path) -> None:
    """Refuse a file that cannot be drawn, before anything is read for it.

    Raises:
        UsageError: It is named neither .svg nor .png, or it is a PNG and Pillow is not installed.
    """
    kind = path.suffix.lower()
    if kind not in (".svg", ".png"):
        raise UsageError(f"{path} is no drawing", hint="Name a file .svg or .png.")
    if kind == ".png" and find_spec("PIL") is None:
        raise UsageError(
            "a PNG needs Pillow, which is not installed",
            hint="pip install 'deriva-dml[plots]', or name a file .svg.",
        )


def write_plot(path: Path, title: str, curves: Curves) -> None:
    """Write the curves into a file, in the format of its name.

    Args:
        path: Named .svg or .png. A PNG has 1440 by 720 pixels, and more below where the legend is long.
        title: Above the curves.
        curves: Values by name, in the order of steps.

    Raises:
        UsageError: As ``check_drawing``.
        DmlError: It cannot be written.
    """
    check_drawing(path)
    png = path.suffix.lower() == ".png"
    content = _png(laid_out(title, curves)) if png else svg_plot(title, curves).encode()
    try:
        path.write_bytes(content)
    except OSError as error:
        raise DmlError(f"cannot write {path}: {error.strerror}") from error


def _png(drawing: Layout) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    fine = SCALE * _FINER
    image = Image.new("RGB", (drawing.width * fine, drawing.height * fine), "#ffffff")
    draw = ImageDraw.Draw(image)
    draw.rectangle([edge * fine for edge in drawing.frame], outline=FRAME_COLOUR, width=fine)
    for curve in drawing.curves:
        points = [(x * fine, y * fine) for x, y in curve.points]
        if len(points) == 1:
            draw.circle(points[0], 1.5 * LINE_WIDTH * fine, fill=curve.colour)
        else:
            draw.line(points, fill=curve.colour, width=round(LINE_WIDTH * fine), joint="curve")
    for one in drawing.words:
        font = ImageFont.load_default(one.size * fine)
        anchor = "rs" if one.anchor == "end" else "ls"
        draw.text((one.x * fine, one.y * fine), one.text, fill=one.colour, font=font, anchor=anchor)
    small = image.resize((drawing.width * SCALE, drawing.height * SCALE), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()
