"""What the tests of runs read from the catalog."""

from __future__ import annotations

from cli.runner import Result
from dml.catalog.connection import Catalog
from dml.catalog.rows import select

EXECUTION = "deriva-ml:Execution"
NESTING = "deriva-ml:Execution_Execution"


def assert_succeeded(result: Result) -> Result:
    """Check that a command succeeded, and return its result."""
    assert result.code == 0, result.stdout + result.stderr
    return result


def executions(catalog: Catalog) -> dict[str, dict[str, object]]:
    """The executions that tests created, by RID."""
    rows = select(catalog, EXECUTION, sort=("RCT", "RID"))
    return {str(row["RID"]): row for row in rows if row.get("Workflow") and "Unknown" not in str(row["Description"])}


def children(catalog: Catalog, parent: str) -> dict[int, list[str]]:
    """The children of a sweep by sequence number."""
    by_sequence: dict[int, list[str]] = {}
    for row in select(catalog, NESTING, where={"Execution": parent}, sort=("RID",)):
        by_sequence.setdefault(int(row["Sequence"]), []).append(str(row["Nested_Execution"]))
    return by_sequence
