"""Nest executions in each other and undo it. Writes ``Execution_Execution`` in the catalog and nothing else.

The table has no constraint against cycles, so a row that would create one is rejected before it is written. Two users
who write at the same time can still create one; readers follow each execution once and tolerate it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.catalog.rows import delete, insert, select, validate_rid
from dml.errors import ConflictError, UsageError
from dml.nesting.execution_summaries import EXECUTION
from dml.nesting.tree import NESTING, check_executions, read_links, require_nesting

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["add_nested_execution", "remove_nested_execution"]


def add_nested_execution(catalog: Catalog, parent: str, child: str, *, sequence: int | None = None) -> bool:
    """Nest an execution in another one.

    Args:
        catalog: The catalog to write to.
        parent, child: RIDs of executions.
        sequence: Position among the children of the parent; None when they run in parallel.

    Returns:
        True when the row was written; False when it existed with the same sequence.

    Raises:
        UsageError: Both are the same, a RID is not of an execution, or the sequence is out of range.
        NotFoundError: There is no such execution.
        ConflictError: The parent is already nested in the child, directly or not; or the child is nested with
            another sequence.
    """
    parent, child = validate_rid(parent), validate_rid(child)
    if parent == child:
        raise UsageError(f"{parent} cannot be nested in itself")
    if sequence is not None and not 0 <= sequence < 2**31:
        raise UsageError(f"{sequence} is not a place in a sequence", hint="Count from 0.")
    require_nesting(catalog)
    readable = {row["RID"] for row in select(catalog, EXECUTION, where={"RID": [parent, child]}, columns=["RID"])}
    if len(readable) < 2:
        check_executions(catalog, [rid for rid in (parent, child) if rid not in readable])
    if any(link.parent == child for link in read_links(catalog, [parent], parents=True)):
        raise ConflictError(
            f"{parent} is nested in {child} already: nesting {child} in it would close a circle",
            hint=f"dml nested {parent} --parents",
        )
    row = {"Execution": parent, "Nested_Execution": child, "Sequence": sequence}
    if insert(catalog, NESTING, [row], on_conflict="skip"):
        return True
    existing = select(catalog, NESTING, where={"Execution": parent, "Nested_Execution": child}, columns=["Sequence"])
    if existing and existing[0]["Sequence"] != sequence:
        raise ConflictError(
            f"{child} is nested in {parent} already, with sequence {existing[0]['Sequence']}",
            hint=f"dml nested remove {parent} {child} first, then add it again.",
        )
    return False


def remove_nested_execution(catalog: Catalog, parent: str, child: str) -> bool:
    """Remove the nesting of an execution in another one; both executions stay unchanged.

    Returns:
        False when it was not nested in the parent.

    Raises:
        UsageError: A RID is malformed.
        ConflictError: The catalog cannot nest executions.
        ForbiddenError: The user has no right to delete the row.
    """
    require_nesting(catalog)
    where = {"Execution": validate_rid(parent), "Nested_Execution": validate_rid(child)}
    return delete(catalog, NESTING, where) > 0
