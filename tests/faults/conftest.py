"""What the fault tests share: the Python API over a transport that misbehaves as told, and what must be there after."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from catalog.scripted import Script, patient, scripted_catalog
from dml.api.execution import Execution
from dml.catalog.connection import Catalog
from dml.catalog.objects import stat
from dml.catalog.rows import select
from dml.deriva_ml import DerivaML
from dml.embedded.application import open_application
from dml.embedded.transport import WsgiAdapter
from dml.errors import DmlError
from dml.execution.commit import CommitOptions
from dml.execution.workflow import Workflow
from dml.workspace import assets
from execution.conftest import Ran, dml
from targets import Place, real_place

__all__ = ["Ran", "dml"]

CHUNK = 40_000
OPTIONS = CommitOptions(jobs=2, chunk_size=CHUNK)


TESTS = Path(__file__).parents[1]
COMMIT = ("exec", "commit", "--chunk-size", str(CHUNK), "--jobs", "1")


def with_tests(**more: str) -> dict[str, str]:
    """The environment of a program that imports these tests' modules."""
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **more}


def begin(fault: str, *arguments: str) -> subprocess.Popen[str]:
    """Start ``dml`` in a process of its own that breaks as told."""
    return subprocess.Popen(
        [sys.executable, "-m", "faults.boundaries", *arguments],
        env=with_tests(DML_FAULT=fault),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal_of(action: Callable[[], object]) -> DmlError | None:
    """What keeps something from its end."""
    try:
        action()
    except DmlError as error:
        return error
    return None


@pytest.fixture
def chosen(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's catalog is the one that commands work on."""
    monkeypatch.setenv("DML_HOST", place.target.host)
    monkeypatch.setenv("DML_CATALOG", place.target.catalog_id)


@pytest.fixture(autouse=True)
def embedded_only() -> None:
    """These tests break their catalog and look into its files, which nobody does to a real one."""
    assert real_place() is None, "the fault tests run on the embedded catalog only; unset DML_TEST_TARGET"


@pytest.fixture
def script(place: Place) -> Script:
    """What stands between the client and the test's catalog."""
    return Script(behind=WsgiAdapter(open_application()))


@pytest.fixture
def patient_catalog(place: Place, script: Script, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """The test's catalog through the script; the command line uses the script as well."""
    monkeypatch.setattr("dml.catalog.connection._embedded_transport", lambda: script)
    return scripted_catalog(script, place.target, policy=patient())


@pytest.fixture
def ml(place: Place, patient_catalog: Catalog) -> Iterator[DerivaML]:
    """The Python API through the script."""
    made = DerivaML(place.target.host, place.target.catalog_id)
    made._catalog = patient_catalog
    yield made
    made.session.close()


@pytest.fixture
def workflow() -> Workflow:
    """A workflow that no other test has."""
    name = uuid.uuid4().hex
    return Workflow("Train", "Training", url=f"https://example.org/{name}.py", checksum=name)


@dataclass(frozen=True)
class Staged:
    """An execution that stopped with outputs.

    Attributes:
        ml: Where.
        execution: The execution.
        contents: What each output of Execution_Asset holds.
    """

    ml: DerivaML
    execution: Execution
    contents: dict[str, bytes]

    @property
    def rid(self) -> str:
        """Its RID."""
        return self.execution.execution_rid

    def path(self, name: str) -> Path:
        """Where an output is staged."""
        return self.ml.session.workspace.staged_path(self.rid, "Execution_Asset", name)

    def commit(self) -> None:
        """Commit it with two jobs and small chunks."""
        self.execution.commit_output_assets(options=OPTIONS)

    def assert_uploaded_once(self, *, status: str = "Uploaded", catalog_status: str = "") -> None:
        """Each output is one row, linked once, with its bytes; registry and catalog say so."""
        there = self.ml.catalog
        edges = select(
            there, "deriva-ml:Execution_Asset_Execution", where={"Execution": self.rid, "Asset_Role": "Output"}
        )
        rows = select(there, "deriva-ml:Execution_Asset", where={"RID": [edge["Execution_Asset"] for edge in edges]})
        assert sorted(row["Filename"] for row in rows) == sorted(self.contents)
        assert len(edges) == len(self.contents)
        for row in rows:
            content = self.contents[row["Filename"]]
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            info = stat(there, row["URL"])
            assert info is not None
            assert (row["MD5"], row["Length"], info.md5_hex) == (digest, len(content), digest)
            same = select(there, "deriva-ml:Execution_Asset", where={"URL": row["URL"]})
            assert len(same) == 1
        assert select(there, "deriva-ml:Execution", where={"RID": self.rid})[0]["Status"] == (catalog_status or status)
        assert self.execution.status == status
        assert {row.status for row in assets.list_assets(self.ml.session.registry, self.rid)} == {"uploaded"}


@pytest.fixture
def staged(ml: DerivaML, workflow: Workflow) -> Staged:
    """Three small outputs and one that goes up in three chunks."""
    contents = {f"small{number}.bin": f"{workflow.name} {number}".encode() * 10 for number in range(3)}
    contents["large.bin"] = bytes(range(256)) * 400
    return stage(ml, workflow, contents)


def stage(ml: DerivaML, workflow: Workflow, contents: dict[str, bytes]) -> Staged:
    """An execution that stopped with these outputs."""
    execution = ml.create_execution(workflow=workflow, description="a run")
    with execution.execute():
        for name, content in contents.items():
            execution.asset_file_path("Execution_Asset", name, asset_types=[]).write_bytes(content)
    return Staged(ml, execution, contents)
