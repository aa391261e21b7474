"""Layout of tables as plain text, by the display width of characters.

A column that is ``whole`` (RIDs, statuses, commands to type) keeps every character; the others share what is left
and fold at spaces, long words anywhere. Nothing is ever truncated. Rich could do most of this, but takes a fifth of a
local command's time and truncates what must stay whole on a narrow terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dml.safe_text import safe

__all__ = ["Cell", "Column", "fold", "layout", "width_of"]

GAP = 2
NARROWEST = 8
"""Characters below which no column is folded further; a narrower terminal folds the lines itself."""


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        heading: Its title; a table without any has no line of titles.
        whole: Never folded: RIDs, statuses, commands to type.
        right: Aligned to the right, for numbers.
    """

    heading: str
    whole: bool = False
    right: bool = False


class Cell(NamedTuple):
    """A table cell or a piece of a line, with a style such as ``green`` or ``bold red``; never the only sign.

    Attributes:
        text: Any value; made safe when it is printed.
        style: Words of ``output.STYLES``, or empty.
    """

    text: object
    style: str = ""


def layout(columns: Sequence[Column], rows: Sequence[Sequence[object]], width: int) -> Iterator[list[Cell]]:
    """The lines of a table as pieces: text and padding, the last piece of a line unpadded.

    Args:
        columns: What the columns are.
        rows: A value or ``Cell`` for each column.
        width: Characters available for a line.
    """
    table = [[value if isinstance(value, Cell) else Cell(value) for value in row] for row in rows]
    if any(column.heading for column in columns):
        table.insert(0, [Cell(column.heading, "bold") for column in columns])
    texts = [[safe(cell.text) for cell in row] for row in table]
    widths = _widths(columns, texts, width)
    for row, line in zip(table, texts, strict=True):
        folded = [
            [text] if column.whole else fold(text, size)
            for text, column, size in zip(line, columns, widths, strict=True)
        ]
        for height in range(max(len(parts) for parts in folded)):
            pieces = [parts[height] if height < len(parts) else "" for parts in folded]
            yield _line(pieces, row, columns, widths)


def _line(pieces: list[str], row: list[Cell], columns: Sequence[Column], widths: list[int]) -> list[Cell]:
    while pieces and not pieces[-1]:
        pieces.pop()
    line: list[Cell] = []
    for position, piece in enumerate(pieces):
        space = " " * max(widths[position] - width_of(piece), 0)
        is_last = position == len(pieces) - 1
        if columns[position].right:
            line += [Cell(space), Cell(piece, row[position].style)]
        else:
            line += [Cell(piece, row[position].style), Cell("" if is_last else space)]
        if not is_last:
            line.append(Cell(" " * GAP))
    return line


def _widths(columns: Sequence[Column], texts: list[list[str]], width: int) -> list[int]:
    """The natural widths, the widest foldable column shrunk again and again until the line fits."""
    widths = [max((width_of(row[position]) for row in texts), default=0) for position in range(len(columns))]
    available = width - GAP * (len(columns) - 1)
    while sum(widths) > available:
        foldable = [
            position for position, column in enumerate(columns) if not column.whole and widths[position] > NARROWEST
        ]
        if not foldable:
            break
        widest = max(foldable, key=lambda position: widths[position])
        others = [widths[position] for position in foldable if position != widest]
        floor = max([NARROWEST, *others]) if others and max(others) < widths[widest] else widths[widest] - 1
        widths[widest] = max(floor, widths[widest] - (sum(widths) - available), NARROWEST)
    return widths


def fold(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width``, broken at spaces where that is possible; at least one line."""
    lines, line, used = [], "", 0
    for word in text.split(" "):
        size = width_of(word)
        if used and used + 1 + size <= width:
            line, used = f"{line} {word}", used + 1 + size
            continue
        if used:
            lines.append(line)
        *full, line = _broken(word, width)
        lines.extend(full)
        used = width_of(line)
    return [*lines, line]


def _broken(word: str, width: int) -> list[str]:
    parts, part, used = [], "", 0
    for character in word:
        size = width_of(character)
        if used + size > width and part:
            parts.append(part)
            part, used = "", 0
        part, used = part + character, used + size
    return [*parts, part]


def width_of(text: str) -> int:
    """How many cells of a terminal the text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
