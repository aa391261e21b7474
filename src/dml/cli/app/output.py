"""Output of commands: results on standard output, messages on standard error, JSON for programs.

With ``--json`` each document is one line with ``"schema": "dml.<noun>.<verb>/1"`` (a stream is several such lines, the
last of them with ``"record": "result"`` or ``"error"``); nothing else goes to standard output. Whatever is printed for
people goes through ``safe_text.safe``: it may come from a catalog. Rich is imported only by what asks for ``rich``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from dml.cli.app.tables import Cell, Column, layout
from dml.safe_text import safe

if TYPE_CHECKING:
    import rich.console

__all__ = ["Cell", "Column", "Console", "document", "terminal_width", "write_line"]


STYLES = {
    "bold": "1",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
    "bright_black": "90",
}
"""The words of a style and their SGR parameters (ECMA-48)."""


class Console:
    """The console of one invocation.

    Args:
        json: Standard output is for a program.
        verbosity: -1 quiet, 0 normal, more for ``-v``.
    """

    def __init__(self, *, json: bool = False, verbosity: int = 0) -> None:
        self._json = json
        self.verbosity = verbosity

    @property
    def json(self) -> bool:
        """Whether standard output is for a program."""
        return self._json

    def emit(self, noun_verb: str, payload: object, render: Callable[[], None] | None = None) -> None:
        """Print a command's result: the document with ``--json``, else what ``render`` prints.

        Args:
            noun_verb: ``exec.list`` for the schema ``dml.exec.list/1``.
            payload: A mapping, dataclass or pydantic model; datetimes become ISO 8601 in UTC, paths text.
            render: Prints the same for people.
        """
        if self._json:
            write_line(document(noun_verb, payload))
        elif render is not None:
            render()

    def record(self, noun_verb: str, kind: str, payload: object, render: Callable[[], None] | None = None) -> None:
        """Print one record of a stream; ``kind`` is its ``record``, and the last one is a ``result``.

        Whoever reads a pipe or a file has it at once.
        """
        self.emit(noun_verb, {"record": kind, **_mapping(payload)}, render)
        sys.stdout.flush()

    def print(self, *pieces: object, style: str = "") -> None:
        """Print a line of results for people: the pieces (texts or ``Cell``) joined by nothing; foreign text made safe.

        A long line is folded by the terminal, never cut, so that it can be copied whole.
        """
        if not self._json:
            self._write(sys.stdout, [piece if isinstance(piece, Cell) else Cell(piece, style) for piece in pieces])

    def say(self, text: str, *, level: int = 0, style: str = "") -> None:
        """Print a message on standard error, unless ``--quiet``; ``level`` 1 needs ``-v``, 2 ``-vv``."""
        if self.verbosity >= level:
            self._write(sys.stderr, [Cell(text, style)])

    def warn(self, text: str, *, hint: str = "") -> None:
        """Print ``warning: …`` on standard error, even with ``--quiet``."""
        self._write(sys.stderr, [Cell("warning: ", "yellow"), Cell(text)])
        self._hint(hint)

    def fail(self, text: str, *, hint: str = "") -> None:
        """Print ``error: …`` on standard error; commands raise a ``DmlError`` instead of calling this."""
        self._write(sys.stderr, [Cell("error: ", "bold red"), Cell(text)])
        self._hint(hint)

    def _hint(self, hint: str) -> None:
        for line in hint.splitlines():
            self._write(sys.stderr, [Cell("hint: ", "cyan"), Cell(line)])

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[object]], *, indent: int = 1) -> None:
        """Print a table: columns that are ``whole`` keep every character, the others fold (see ``tables``)."""
        for line in layout(columns, list(rows), terminal_width() - indent):
            self._write(sys.stdout, [Cell(" " * indent), *line])

    def _write(self, stream: TextIO, pieces: Sequence[Cell]) -> None:
        coloured = is_coloured(stream)
        texts = ((safe(piece.text), piece.style) for piece in pieces)
        line = "".join(_styled(text, style) if coloured and style and text else text for text, style in texts)
        stream.write(line + "\n")

    @property
    def rich(self) -> rich.console.Console:
        """A Rich console on standard output for what needs more than lines and tables; markup is off."""
        from rich.console import Console as RichConsole

        coloured = is_coloured(sys.stdout)
        return RichConsole(
            file=sys.stdout,
            width=terminal_width(),
            force_terminal=coloured,
            no_color=not coloured,
            markup=False,
            highlight=False,
            emoji=False,
        )


def _styled(text: str, style: str) -> str:
    codes = ";".join(STYLES[word] for word in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m"


def is_coloured(stream: TextIO) -> bool:
    """Whether colour may be used: a terminal that can, and ``NO_COLOR`` is not set."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def terminal_width() -> int:
    """Columns of the terminal (``COLUMNS`` first), 80 when there is none, at least 20."""
    import shutil

    return max(shutil.get_terminal_size((80, 24)).columns, 20)


def write_line(line: str) -> None:
    """Write one line to standard output."""
    sys.stdout.write(line + "\n")


def document(noun_verb: str, payload: object) -> str:
    """The one-line JSON document of a result, pure ASCII, so that no terminal can be harmed by it."""
    import json

    return json.dumps({"schema": f"dml.{noun_verb}/1", **_mapping(payload)}, default=_plain, allow_nan=False)


def _mapping(payload: object) -> dict[str, Any]:
    plain = payload if isinstance(payload, Mapping) else _plain(payload)
    if not isinstance(plain, Mapping):
        raise TypeError(f"a result must be a mapping or a model, not {type(payload).__name__}")
    return dict(plain)


def _plain(value: Any) -> Any:
    """What JSON has no form for."""
    import dataclasses
    from datetime import UTC, date, datetime
    from enum import Enum
    from pathlib import PurePath

    from dml.target import Target

    if isinstance(value, (PurePath, Target)):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, datetime):
        instant = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return instant.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")
