"""What the tests of runs read in the catalog."""

from __future__ import annotations

from cli.runner import Result
from dml.catalog.connection import Catalog
from dml.catalog.rows import select

EXECUTION = "deriva-ml:Execution"
NESTING = "deriva-ml:Execution_Execution"


def succeeded(result: Result) -> Result:
    """The result of a command that went well."""
    assert result.code == 0, result.stdout + result.stderr
    return result


def executions(catalog: Catalog) -> dict[str, dict[str, object]]:
    """The executions that tests made, by RID."""
    rows = select(catalog, EXECUTION, sort=("RCT", "RID"))
    return {str(row["RID"]): row for row in rows if row.get("Workflow") and "Unknown" not in str(row["Description"])}


def children(catalog: Catalog, parent: str) -> dict[int, list[str]]:
    """The children of a sweep by their place."""
    found: dict[int, list[str]] = {}
    for row in select(catalog, NESTING, where={"Execution": parent}, sort=("RID",)):
        found.setdefault(int(row["Sequence"]), []).append(str(row["Nested_Execution"]))
    return found
