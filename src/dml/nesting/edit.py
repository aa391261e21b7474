"""Nesting one execution in another, and undoing it. Writes ``Execution_Execution`` in the catalog, nothing else.

The table has no constraint against circles, so what would make one is refused here before it is written. Two people
who nest at the same instant may still make one; readers follow each execution once and do not mind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.catalog.rows import delete, insert, select, validate_rid
from dml.errors import ConflictError, UsageError
from dml.nesting.execution_summaries import EXECUTION
from dml.nesting.tree import NESTING, read_links, refuse_other_rows, require_nesting

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["add_nested_execution", "remove_nested_execution"]


def add_nested_execution(catalog: Catalog, parent: str, child: str, *, sequence: int | None = None) -> bool:
    """Nest an execution in another one.

    Args:
        catalog: Where to write.
        parent, child: RIDs of executions.
        sequence: Place among the parent's children; None when they run in parallel.

    Returns:
        True when it was written now; False when it was so already, with the same sequence.

    Raises:
        UsageError: Both are the same, a RID is not an execution's, or the sequence is negative.
        NotFoundError: There is no such execution.
        ConflictError: The parent is nested in the child already, directly or not; or the child is there with
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
        refuse_other_rows(catalog, [rid for rid in (parent, child) if rid not in readable])
    if any(link.parent == child for link in read_links(catalog, [parent], parents=True)):
        raise ConflictError(
            f"{parent} is nested in {child} already: nesting {child} in it would close a circle",
            hint=f"dml nested {parent} --parents",
        )
    row = {"Execution": parent, "Nested_Execution": child, "Sequence": sequence}
    if insert(catalog, NESTING, [row], on_conflict="skip"):
        return True
    there = select(catalog, NESTING, where={"Execution": parent, "Nested_Execution": child}, columns=["Sequence"])
    if there and there[0]["Sequence"] != sequence:
        raise ConflictError(
            f"{child} is nested in {parent} already, with sequence {there[0]['Sequence']}",
            hint=f"dml nested remove {parent} {child} first, then add it again.",
        )
    return False


def remove_nested_execution(catalog: Catalog, parent: str, child: str) -> bool:
    """Undo the nesting of an execution in another one; both stay as they are.

    Returns:
        False when it was not nested there.

    Raises:
        UsageError: A RID is malformed.
        ConflictError: The catalog is older than nesting.
        ForbiddenError: The record belongs to someone else.
    """
    require_nesting(catalog)
    where = {"Execution": validate_rid(parent), "Nested_Execution": validate_rid(child)}
    return delete(catalog, NESTING, where) > 0
