"""What a commit asks of the registry: rows that were read are handed on, not read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from dml.api.execution import Execution
from dml.workspace import executions
from dml.workspace.registry import Registry


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Reads of the registry, and how many of them read the execution's row."""
    counted: Counter[str] = Counter()

    def count(owner: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            counted[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counting)

    count(Registry, "read")
    count(executions, "get_execution")
    return counted


def test_a_commit_of_one_file_reads_its_execution_once(execution: Execution, counts: Counter[str]) -> None:
    with execution.execute():
        execution.asset_file_path("Execution_Asset", "model.bin", asset_types=["Model_File"]).write_bytes(b"weights")
    counts.clear()
    assert execution.commit_output_assets().total_uploaded == 1
    assert counts["get_execution"] == 1
    assert counts["read"] <= 10


def test_a_commit_of_many_files_reads_the_registry_no_more_often(execution: Execution, counts: Counter[str]) -> None:
    with execution.execute():
        for number in range(40):
            name = f"part{number}.bin"
            execution.asset_file_path("Execution_Asset", name, asset_types=["Model_File"]).write_text(name)
    counts.clear()
    assert execution.commit_output_assets().total_uploaded == 40
    assert (counts["get_execution"], counts["read"] <= 10) == (1, True)


def test_a_commit_with_nothing_to_do_reads_its_execution_once(execution: Execution, counts: Counter[str]) -> None:
    with execution.execute():
        pass
    execution.commit_output_assets()
    counts.clear()
    assert execution.commit_output_assets().nothing_done
    assert counts["get_execution"] == 1
    assert counts["read"] <= 7
