"""Fixtures of the execution tests: the API on the test's catalog, a workflow that needs no git, the command line."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest

from dml.api.execution import Execution
from dml.catalog.connection import Catalog
from dml.cli.__main__ import main
from dml.deriva_ml import DerivaML
from dml.execution.workflow import Workflow
from targets import Place


@pytest.fixture
def ml(place: Place, catalog: Catalog) -> Iterator[DerivaML]:
    """The Python API on the test's catalog, with a workspace below the test's home."""
    made = DerivaML(place.target.host, place.target.catalog_id, credential=place.credential)
    yield made
    made.session.close()


@pytest.fixture
def workflow() -> Workflow:
    """A workflow that no other test has."""
    name = uuid.uuid4().hex
    return Workflow("Train", "Training", url=f"https://example.org/{name}.py", checksum=name)


@pytest.fixture
def execution(ml: DerivaML, workflow: Workflow) -> Execution:
    """An execution that was created and nothing else."""
    return ml.create_execution(workflow=workflow, description="a test")


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document on standard output."""
        document: dict[str, Any] = json.loads(self.out)
        return document


@pytest.fixture
def dml(place: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs ``dml`` with the test's catalog chosen; returns exit code and output."""
    monkeypatch.setenv("DML_HOST", place.target.host)
    monkeypatch.setenv("DML_CATALOG", place.target.catalog_id)

    def run(*arguments: object) -> Ran:
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([str(argument) for argument in arguments])
        return Ran(code, out.getvalue(), err.getvalue())

    return run
