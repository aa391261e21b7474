"""A workspace that other processes write while the dashboard looks at it."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dml.catalog.connection import Catalog
from dml.deriva_ml import DerivaML
from dml.execution.execution import Execution
from dml.execution.workflow import Workflow
from dml.tui.app import Dashboard
from dml.tui.launch import dashboard
from targets import Place


@pytest.fixture
def ml(place: Place, catalog: Catalog) -> Iterator[DerivaML]:
    """The Python API on the test's catalog, with a workspace below the test's home."""
    made = DerivaML(place.target.host, place.target.catalog_id, credential=place.credential)
    yield made
    made.place.close()


@pytest.fixture
def workflow() -> Workflow:
    """A workflow that no other test has."""
    name = uuid.uuid4().hex
    return Workflow("Train", "Training", url=f"https://example.org/{name}.py", checksum=name)


@pytest.fixture
def execution(ml: DerivaML, workflow: Workflow) -> Execution:
    """An execution that was created and nothing else."""
    return ml.create_execution(workflow=workflow, description="a test")


@pytest.fixture
def root(ml: DerivaML) -> Path:
    """The workspace's directory."""
    return ml.place.workspace.root


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
