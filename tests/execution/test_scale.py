"""Many files: constant time for each when staged, requests that grow with pages when committed."""

from __future__ import annotations

from pathlib import Path

from dml.api.execution import Execution
from dml.deriva_ml import DerivaML
from dml.workspace import registry as registry_module

FILES = 600


def commit_of(execution: Execution, ml: DerivaML, number: int, round_name: str) -> int:
    """Stage and commit files; the requests that the commit took, objects aside."""
    for index in range(number):
        path = execution.asset_file_path("Execution_Asset", f"{round_name}{index}.bin", asset_types=["Model_File"])
        path.write_bytes(f"{round_name} {index} {execution.execution_rid}".encode())
    ml.catalog.traffic.reset()
    assert execution.commit_output_assets().total_uploaded == number
    return len([path for _, path, _ in ml.catalog.traffic.log if not path.startswith("/hatrac/")])


def test_requests_of_a_commit_grow_with_pages(ml: DerivaML, execution: Execution) -> None:
    with execution.execute():
        pass
    few = commit_of(execution, ml, 3, "few")
    many = commit_of(execution, ml, FILES, "many")
    # A page of checksums to look for is what fits into 4,000 bytes of URL, about a hundred.
    assert many - few <= FILES // 90 + 3


def test_staging_one_file_is_one_small_transaction(execution: Execution, tmp_path: Path, monkeypatch: object) -> None:
    statements: list[str] = []

    def counted(number: int) -> int:
        connection = execution.session.registry._connection()
        statements.clear()
        connection.set_trace_callback(statements.append)
        try:
            execution.asset_file_path("Execution_Asset", f"{number}.bin", asset_types=["Model_File"])
        finally:
            connection.set_trace_callback(None)
        return len(statements)

    first = counted(0)
    for number in range(1, 50):
        execution.asset_file_path("Execution_Asset", f"{number}.bin", asset_types=["Model_File"])
    assert counted(50) <= first
    assert registry_module.Registry is type(execution.session.registry)
