"""The pictures of the example's lineage in the documentation: drawn by the commands, compared without chance."""

from __future__ import annotations

import io
import os
import re
from html import unescape
from pathlib import Path

from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH = 100
"""Of the terminal, in characters."""


def terminal_picture(command: str, output: str) -> str:
    """A terminal as SVG that shows a command and what it printed, colours included; loads no fonts."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"$ {command}\n{output.rstrip()}"))
    svg = console.export_svg(title="dml lineage", unique_id="terminal")
    svg = re.sub(r"@font-face\s*{[^}]*}\s*", "", svg)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE).strip() + "\n"


def assert_drawn(name: str, svg: str) -> None:
    """The picture of this name says what this one says; ``DML_UPDATE_SNAPSHOTS=1`` replaces it first."""
    path = IMAGES / name
    if os.environ.get("DML_UPDATE_SNAPSHOTS"):
        path.write_text(svg, encoding="utf-8")
    assert _content(path.read_text(encoding="utf-8")) == _content(svg), f"{name} is not what is drawn now"


def _content(svg: str) -> list[str]:
    """The texts of a drawing in their order, without what differs from run to run and from machine to machine."""
    texts = [unescape(text).replace("\xa0", " ") for text in re.findall(r"<(?:text|title)[^>]*>([^<]*)<", svg)]
    texts = [re.sub(r"\b\d-[0-9A-Z]{4}\b", "RID", text) for text in texts]
    texts = [re.sub(r"\d+(?:\.\d+)? (s|[KM]iB|requests)\b", r"N \1", text) for text in texts]
    return [text.strip() for text in texts if text.strip()]
