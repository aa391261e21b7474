"""The methods of ``Execution`` about its parts and what it is a part of; each takes the execution first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dml.api import execution_record
from dml.api.execution_record import ExecutionRecord
from dml.deprecation import superseded
from dml.nesting import edit, tree

if TYPE_CHECKING:
    from dml.api.execution import Execution


def add_nested_execution(self: Execution, nested_execution: Any, sequence: int | None = None) -> None:
    """Make another execution (as such, its record or its RID) a part of this one. Writes the catalog.

    Args:
        nested_execution: The part.
        sequence: Its place among the parts; None when they run side by side.
    """
    child = execution_record.rid_of(nested_execution)
    edit.add_nested_execution(self.session.catalog, self.execution_rid, child, sequence=sequence)


def list_execution_children(self: Execution, recurse: bool = False) -> list[ExecutionRecord]:
    """The executions nested in it, by sequence; with ``recurse`` all levels, depth first, each once."""
    return execution_record.relatives(self.session.catalog, self.execution_rid, recurse=recurse)


def list_execution_parents(self: Execution, recurse: bool = False) -> list[ExecutionRecord]:
    """The executions it is nested in; with ``recurse`` all levels, each once."""
    return execution_record.relatives(self.session.catalog, self.execution_rid, parents=True, recurse=recurse)


def list_nested_executions(self: Execution, recurse: bool = False) -> list[ExecutionRecord]:
    """Older name of ``list_execution_children``."""
    superseded("list_nested_executions", "list_execution_children")
    return self.list_execution_children(recurse)


def list_parent_executions(self: Execution, recurse: bool = False) -> list[ExecutionRecord]:
    """Older name of ``list_execution_parents``."""
    superseded("list_parent_executions", "list_execution_parents")
    return self.list_execution_parents(recurse)


def is_nested(self: Execution) -> bool:
    """Whether it is a part of another execution."""
    return tree.is_nested(self.session.catalog, self.execution_rid)


def is_parent(self: Execution) -> bool:
    """Whether others are parts of it."""
    return tree.is_parent(self.session.catalog, self.execution_rid)
