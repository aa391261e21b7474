"""Very many files, very large ones, and little to work with: F23, and what a commit costs (I3)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dml.asset.placement import Method
from dml.asset.tables import asset_table
from dml.deriva_ml import DerivaML
from dml.execution.staging import StagingRequest
from dml.execution.staging import stage as stage_files
from dml.execution.workflow import Workflow
from dml.workspace import hashing
from faults.conftest import OPTIONS, Staged, stage

FULL = bool(os.environ.get("DML_TEST_FULL"))
FILES = 100_000 if FULL else 600
SPARSE = 5 << 30 if FULL else 64 << 20


def test_many_files_cost_requests_by_the_page(ml: DerivaML, workflow: Workflow, tmp_path: Path) -> None:
    source = tmp_path / "many"
    source.mkdir()
    for number in range(FILES):
        (source / f"{number:06}.txt").write_bytes(b"" if number == 0 else f"{workflow.name} {number}".encode())
    execution = ml.create_execution(workflow=workflow)
    table = asset_table(ml.catalog.schema(), "Execution_Asset")
    with execution.execute():
        files = [StagingRequest(path, path.name, method=Method.SYMLINK) for path in sorted(source.iterdir())]
        stage_files(ml.session, execution.execution_rid, table, files)
    ml.catalog.traffic.reset()
    report = execution.commit_output_assets(options=OPTIONS)
    assert (report.total_uploaded, report.errors) == (FILES, [])
    # Three writes for every thousand rows; a page of checksums to look for is what fits into a path.
    objects = [path for method, path, _ in ml.catalog.traffic.log if method == "PUT" and path.startswith("/hatrac/")]
    others = ml.catalog.traffic.requests - FILES
    assert len(objects) <= FILES
    assert others <= FILES // 80 + 5 * (FILES // 700 + 1) + 15


LIMITED = """
import resource, sys
from pathlib import Path
from dml.deriva_ml import DerivaML
from dml.execution.commit import CommitOptions
ml = DerivaML("local", 1)
execution = ml.resume_execution(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
execution.commit_output_assets(options=CommitOptions(jobs=2, chunk_size=16_000_000))
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 64 * 1024, f"{grown} KiB more than before"
"""


def test_a_sparse_large_file_goes_up_with_few_descriptors(ml: DerivaML, workflow: Workflow, tmp_path: Path) -> None:
    large = tmp_path / "sparse.bin"
    with large.open("wb") as stream:
        stream.truncate(SPARSE)
    execution = ml.create_execution(workflow=workflow)
    with execution.execute():
        execution.asset_file_path("Execution_Asset", large, asset_types=[])
        for number in range(60):
            path = execution.asset_file_path("Execution_Asset", f"{number}.bin", asset_types=[])
            path.write_bytes(f"{number}".encode())
    ml.session.close()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, execution.execution_rid], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert execution.status == "Uploaded"


def test_what_was_hashed_is_not_read_again(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = hashing._md5

    def counting(descriptor: int, advance: object) -> tuple[str, int]:
        found = original(descriptor, None)
        read.append(found[1])
        return found

    monkeypatch.setattr(hashing, "_md5", counting)
    with monkeypatch.context() as broken:
        broken.setattr("dml.upload.transfer.upload", _raise)
        with pytest.raises(RuntimeError, match="after the hashing"):
            staged.commit()
    assert sorted(read) == sorted(len(content) for content in staged.contents.values())
    staged.commit()
    assert len(read) == len(staged.contents)
    staged.assert_uploaded_once()


def _raise(*_: object, **__: object) -> None:
    raise RuntimeError("after the hashing")


def test_a_small_execution_costs_at_most_fifteen_requests(ml: DerivaML, workflow: Workflow) -> None:
    stage(ml, workflow, {"warm.bin": b"warm"}).commit()
    ml.catalog.traffic.reset()
    measured = stage(ml, workflow, {"model.bin": b"measured"})
    measured.commit()
    asked = [(method, path) for method, path, _ in ml.catalog.traffic.log if not path.startswith("/hatrac/")]
    assert len(asked) <= 15, "\n".join(map(str, asked))
    measured.assert_uploaded_once()
