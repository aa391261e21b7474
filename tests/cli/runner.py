"""Running ``dml`` in this process or as one of its own, and comparing what it says with the files in ``messages``."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dml.cli.__main__ import main

MESSAGES = Path(__file__).parent / "messages"

DML = (sys.executable, "-m", "dml.cli")


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        (line,) = self.stdout.splitlines()
        return json.loads(line)

    @property
    def shown(self) -> str:
        """All three in the form kept in a message file."""
        parts = [self.stdout, f"--- stderr\n{self.stderr}" if self.stderr else "", f"--- exit {self.code}\n"]
        return "".join(parts)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(*argv: str, stdin: str | None = None, terminal: bool = False) -> Result:
    """Run ``dml`` in this process; with ``terminal`` all three streams are terminals, ``stdin`` is what is typed."""
    kind = Terminal if terminal else io.StringIO
    out, err = kind(), kind()
    typed = kind(stdin or "")
    before, sys.stdin = sys.stdin, typed
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(argv))
    finally:
        sys.stdin = before
    return Result(code, out.getvalue(), err.getvalue())


def spawn(*argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``dml`` as a process of its own, to its end."""
    return subprocess.run([*DML, *argv], capture_output=True, text=True, timeout=60, check=False, **options)


def check_message(name: str, text: str) -> None:
    """Compare ``text`` with ``messages/NAME.txt``; with ``DML_UPDATE_SNAPSHOTS=1`` write it there instead.

    Home directory, times, sizes that differ from run to run and RIDs are replaced by words first.
    """
    path = MESSAGES / f"{name}.txt"
    normal = normalised(text)
    if os.environ.get("DML_UPDATE_SNAPSHOTS"):
        path.write_text(normal, encoding="utf-8")
    assert path.exists(), f"no message file {path.name}; run with DML_UPDATE_SNAPSHOTS=1 and look at it"
    assert normal == path.read_text(encoding="utf-8")


_REPLACED = (
    (re.compile(r"\d{8}T\d{12}-\d+"), "TIME-PID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "TIME"),
    (re.compile(r"\b[\d.]+ (?:[KMGTPE]i)?B free"), "SIZE free"),
    (re.compile(r"\b(\d+ h )?[\d.]+ (s|min)\b( \(\d+ ms\))?"), "DURATION"),
    (re.compile(r"\bdml \d+\.\d+\.\d+\S*"), "dml VERSION"),
    (re.compile(r"Python \d+\.\d+\.\d+\S*"), "Python VERSION"),
    (re.compile(r"\btoken=[0-9a-f]{32}"), "token=TOKEN"),
    (re.compile(r"127\.0\.0\.1:\d+|localhost:\d{4,5}"), "HOST:PORT"),
    (re.compile(r"(?<![A-Za-z0-9])[0-9A-HJKMNP-TV-Z]{1,4}(-[0-9A-HJKMNP-TV-Z]{4})+(?![A-Za-z0-9])"), "RID"),
)


def normalised(text: str) -> str:
    """The text without what differs from run to run."""
    for place, word in ((os.environ.get("HOME", ""), "HOME"), (str(Path.cwd()), "CWD")):
        if len(place) > 1:
            text = text.replace(place, word)
    for pattern, word in _REPLACED:
        text = pattern.sub(word, text)
    return text
