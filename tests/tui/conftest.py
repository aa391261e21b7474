"""A workspace that other processes write while the dashboard looks at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dml.deriva_ml import DerivaML
from dml.tui.app import Dashboard
from dml.tui.launch import dashboard
from execution.conftest import execution, ml, workflow
from targets import Place

__all__ = ["execution", "ml", "workflow"]


@pytest.fixture
def root(ml: DerivaML) -> Path:
    """The workspace's directory."""
    return ml.session.workspace.root


@pytest.fixture
def live(place: Place, root: Path) -> Dashboard:
    """The dashboard of the test's workspace, with its own threads."""
    return dashboard(place.target, root)


Starter = Callable[..., "subprocess.Popen[str]"]
Run = Callable[..., str]


@pytest.fixture
def start(place: Place, root: Path) -> Iterator[Starter]:
    """Starts ``dml`` in another process on the test's workspace; what still runs at the end is killed."""
    children: list[subprocess.Popen[str]] = []

    def begin(*arguments: object, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "DML_CATALOG": str(place.target), "DML_WORKSPACE": str(root), **variables}
        child = subprocess.Popen(
            [sys.executable, "-m", "dml.cli", *map(str, arguments)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture
def run(start: Starter) -> Run:
    """Runs ``dml`` in another process to its end; returns what it printed."""

    def to_its_end(*arguments: object) -> str:
        child = start(*arguments)
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        return out

    return to_its_end
