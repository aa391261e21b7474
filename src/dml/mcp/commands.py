"""Runs one ``dml`` command for a tool, in a separate process, and returns its JSON document.

So a tool's result is the command's result by construction, its error the command's error with its hint, and a command
that dies takes no server with it. What a caller says never becomes an option: values are written ``--option=value``,
and arguments follow a ``--``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from dml.errors import DmlError

__all__ = ["CommandError", "Runner", "Value"]

Value = str | int | float | bool | Sequence[str] | None
"""What an option may have: True for a flag, several texts for one that is repeated, None to leave it out."""

_REPORTS = (3, 8)
"""Exit codes of commands that printed their result and say with the code that something in it is wrong."""


class CommandError(DmlError):
    """A command failed.

    Attributes:
        code: The command's exit code.
        kind: The error's type, as ``NotFoundError``.
    """

    def __init__(self, message: str, *, hint: str = "", code: int = 1, kind: str = "DmlError") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.kind = kind

    @property
    def told(self) -> str:
        """The message with its hint, for an assistant to read."""
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


@dataclass(frozen=True)
class Runner:
    """How commands are run.

    Attributes:
        workspace: The workspace for all of them; None for the catalog's own.
        program: What is ``dml``.
    """

    workspace: str | None = None
    program: tuple[str, ...] = (sys.executable, "-m", "dml.cli")

    def words(
        self, host: str, catalog: str, verb: Sequence[str], arguments: Sequence[str], options: Mapping[str, Value]
    ) -> list[str]:
        """The command line."""
        chosen: dict[str, Value] = {**options, "host": host, "catalog": catalog, "workspace": self.workspace}
        flags = [flag for name, value in chosen.items() for flag in _flags(name, value)]
        return [*self.program, *verb, *flags, "--json", "--progress=none", "--", *arguments]

    async def run(self, host: str, catalog: str, verb: str, *arguments: str, **options: Value) -> dict[str, Any]:
        """Run ``dml VERB`` on a catalog and return its JSON document.

        Args:
            host: The catalog's host; ``local`` for the embedded one.
            catalog: Its id.
            verb: The command, as ``exec list``.
            arguments: Its arguments.
            options: Its options, ``_`` for ``-``.

        Raises:
            CommandError: As the command says it.
        """
        words = self.words(host, catalog, verb.split(), arguments, options)
        done = await anyio.run_process(words, stdin=subprocess.DEVNULL, check=False)
        return _result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def _flags(name: str, value: Value) -> list[str]:
    option = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return []
    if value is True:
        return [option]
    if isinstance(value, str | int | float):
        return [f"{option}={value}"]
    return [f"{option}={one}" for one in value]


def _result(code: int, out: str, err: str) -> dict[str, Any]:
    documents = []
    for line in out.splitlines():
        try:
            documents.append(json.loads(line))
        except ValueError:
            continue
    results = [one for one in documents if one.get("schema") != "dml.error/1"]
    if results and (code == 0 or code in _REPORTS):
        return dict(results[-1])
    for document in documents:
        if document.get("schema") == "dml.error/1":
            told = document["error"]
            raise CommandError(
                str(told["message"]), hint=str(told.get("hint") or ""), code=code, kind=str(told.get("type"))
            )
    last = err.strip().splitlines()[-1:] or ["it said nothing"]
    raise CommandError(f"the command ended with {code}: {last[0]}", code=code)
