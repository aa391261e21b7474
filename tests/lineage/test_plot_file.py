"""Drawings of curves in files: SVG and PNG with the same content, and what is refused."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from dml.errors import DmlError, UsageError
from dml.metrics import plot_file
from dml.metrics.plot import COLOURS, character_plot, lay_out
from dml.metrics.plot_file import check_drawing, write_plot

CURVES = {"6A2": [1.0, 0.5, 0.25, 0.2], "6A4": [0.9], "6A6": []}


def pixels(image: Image.Image, box: tuple[float, float, float, float]) -> set[tuple[int, ...]]:
    """The colours within a box of the layout, in points."""
    part = image.crop(tuple(round(edge * plot_file.SCALE) for edge in box))  # type: ignore[arg-type]
    return {colour for _, colour in part.getcolors(part.width * part.height) or ()}  # type: ignore[misc]


def near(colours: set[tuple[int, ...]], wanted: str) -> bool:
    """Whether one of them is the wanted colour, but for the smoothing of edges."""
    red, green, blue = (int(wanted[at : at + 2], 16) for at in (1, 3, 5))
    return any(abs(r - red) + abs(g - green) + abs(b - blue) < 24 for r, g, b in colours)


def test_a_png_holds_lines_and_words(tmp_path: Path) -> None:
    path = tmp_path / "loss.PNG"
    write_plot(path, "loss", CURVES)
    with Image.open(path) as image:
        image.load()
        assert (image.format, image.size, image.mode) == ("PNG", (1440, 720), "RGB")
        drawing = lay_out("loss", CURVES)
        left, top, right, bottom = drawing.frame
        inside = pixels(image, (left + 2, top + 2, right - 2, bottom - 2))
        assert near(inside, COLOURS[0])
        assert near(inside, COLOURS[1])
        assert not near(inside, COLOURS[2])
        for one in drawing.labels:
            begin = one.x - 20 if one.anchor == "end" else one.x
            assert near(pixels(image, (begin, one.y - one.size, begin + 20, one.y)), one.colour), one.text
        assert pixels(image, (0, 0, left - 60, top - 20)) == {(255, 255, 255)}


def test_a_long_legend_makes_the_drawing_higher(tmp_path: Path) -> None:
    many = {f"run {n}": [float(n), 0.0] for n in range(40)}
    write_plot(tmp_path / "many.png", "loss", many)
    with Image.open(tmp_path / "many.png") as image:
        assert image.size == (1440, 2 * (80 + 18 * 40))
    drawing = lay_out("loss", many)
    assert max(one.y for one in drawing.labels) < drawing.height


def test_the_largest_numbers_can_be_drawn(tmp_path: Path) -> None:
    top, bottom = (point[1] for point in lay_out("loss", {"a": [1.7e308, -1.7e308]}).curves[0].points)
    assert (top, bottom) == (40, 320)
    write_plot(tmp_path / "loss.png", "loss", {"a": [1.7e308, -1.7e308]})
    assert len(character_plot({"a": [1.7e308, -1.7e308]}, height=5)) == 5


def test_both_formats_say_the_same(tmp_path: Path) -> None:
    write_plot(tmp_path / "loss.svg", "</svg>", CURVES)
    root = ElementTree.fromstring((tmp_path / "loss.svg").read_text(encoding="utf-8"))
    words = [one.text for one in root if one.tag.endswith("text")]
    assert words == [one.text for one in lay_out("</svg>", CURVES).labels]
    assert words == ["</svg>", "1", "0.2", "step 4", "6A2", "6A4"]


def test_what_cannot_be_drawn_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("loss.gif", "loss"):
        with pytest.raises(UsageError, match="is no drawing") as refused:
            check_drawing(Path(name))
        assert refused.value.hint == "Name a file .svg or .png."
    with pytest.raises(DmlError, match="cannot write"):
        write_plot(tmp_path / "nowhere" / "loss.png", "loss", CURVES)
    monkeypatch.setattr(plot_file, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as lacking:
        write_plot(tmp_path / "loss.png", "loss", CURVES)
    assert lacking.value.message == "a PNG needs Pillow, which is not installed"
    assert lacking.value.hint == "pip install 'deriva-dml[plots]', or name a file .svg."
    write_plot(tmp_path / "loss.svg", "loss", CURVES)
    assert [path.name for path in tmp_path.glob("loss*")] == ["loss.svg"]
