"""How long commands take from start to end, beside a bare Typer application of the same version.

Every contestant runs once in each round, so that what else the machine does falls on all alike; medians are compared.
Bounds: help, version and completion 1.25 times the bare application, commands on local state twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter

TITLE = "whole processes, medians, beside a bare Typer application"

ROUNDS = 31

BARE = """\
import typer

app = typer.Typer()


@app.command()
def main() -> None:
    pass


app()
"""

OPENING = """\
from dml.catalog.connection import connect
from dml.target import Target

connect(Target("localhost", "1"))
"""


@dataclass(frozen=True)
class Contestant:
    """A command line to be timed; ``bound`` is how many times the bare application it may take."""

    name: str
    words: tuple[str, ...]
    bound: float | None = None
    environment: dict[str, str] = field(default_factory=dict)


def contestants(bare: Path) -> list[Contestant]:
    """Everything that is timed; the second is the measure."""
    dml = (sys.executable, str(Path(sys.executable).with_name("dml")))
    words = {"_DML_COMPLETE": "bash", "_DML_WORDS": "dml\nconfig\n", "_DML_WORD": "2"}
    return [
        Contestant("python -c pass", (sys.executable, "-c", "pass")),
        Contestant(f"bare Typer {version('typer')}", (sys.executable, str(bare)), 1.0),
        Contestant("dml --help", (*dml, "--help"), 1.25),
        Contestant("dml --version", (*dml, "--version"), 1.25),
        Contestant("completion of commands", dml, 1.25, words),
        Contestant("completion of RIDs", dml, 1.25, words | {"_DML_WORDS": "dml\nlineage\n"}),
        Contestant("dml (overview)", dml, 2.0),
        Contestant("dml config show", (*dml, "config", "show"), 2.0),
        Contestant("dml version", (*dml, "version"), 2.0),
        Contestant("dml catalog --help", (*dml, "catalog", "--help"), 2.0),
        Contestant("import deriva.core", (sys.executable, "-c", "import deriva.core")),
        Contestant("opening a catalog", (sys.executable, "-c", OPENING)),
    ]


def run() -> Iterator[str]:
    """Measure and compare."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        bare = home / "bare.py"
        bare.write_text(BARE)
        line_up = contestants(bare)
        base = {name: value for name, value in os.environ.items() if not name.startswith(("DML_", "XDG_"))}
        base |= {"HOME": str(home), "DML_HOST": "local", "DML_CATALOG": "1"}
        times: dict[str, list[float]] = {one.name: [] for one in line_up}
        for _ in range(ROUNDS):
            for one in line_up:
                begun = perf_counter()
                subprocess.run(
                    one.words, env=base | one.environment, cwd=home, capture_output=True, check=False, timeout=120
                )
                times[one.name].append(perf_counter() - begun)
    measure = median(times[line_up[1].name])
    yield f"{'':<28}{'median':>10}{'fastest':>10}{'ratio':>8}{'bound':>8}"
    for one in line_up:
        middle = median(times[one.name])
        bound = f"{one.bound:.2f}" if one.bound else ""
        verdict = "" if one.bound is None or middle / measure <= one.bound else "  above its bound"
        figures = f"{middle * 1000:>7.1f} ms{min(times[one.name]) * 1000:>7.1f} ms{middle / measure:>8.2f}"
        yield f"{one.name:<28}{figures}{bound:>8}{verdict}"
