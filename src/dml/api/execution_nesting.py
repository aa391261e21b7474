"""The methods of ``Execution`` about nesting, bound in its class body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dml.api import execution_record
from dml.api.execution_record import ExecutionRecord
from dml.deprecation import warn_deprecated
from dml.nesting import edit, tree

if TYPE_CHECKING:
    from dml.api.execution import Execution


def add_nested_execution(self: Execution, nested_execution: Any, sequence: int | None = None) -> None:
    """Nest another execution in this one. Writes the catalog.

    Args:
        nested_execution: The child: an ``Execution``, an ``ExecutionRecord`` or a RID.
        sequence: Position of the child among its siblings; None when they run in parallel.
    """
    child = execution_record.rid_of(nested_execution)
    edit.add_nested_execution(self.session.catalog, self.execution_rid, child, sequence=sequence)


def list_execution_children(self: Execution, recurse: bool = False) -> list[ExecutionRecord]:
    """The executions nested in this one, by sequence; with ``recurse`` all levels, depth first, without repeats."""
    return execution_record.relatives(self.session.catalog, self.execution_rid, recurse=recurse)


def list_execution_parents(self: Execution, recurse: bool = False) -> list[ExecutionRecord]:
    """The executions that this one is nested in; with ``recurse`` all levels, without repeats."""
    return execution_record.relatives(self.session.catalog, self.execution_rid, parents=True, recurse=recurse)


def list_nested_executions(self: Execution, recurse: bool = False) -> list[ExecutionRecord]:
    """Deprecated name of ``list_execution_children``."""
    warn_deprecated("list_nested_executions", "list_execution_children")
    return self.list_execution_children(recurse)


def list_parent_executions(self: Execution, recurse: bool = False) -> list[ExecutionRecord]:
    """Deprecated name of ``list_execution_parents``."""
    warn_deprecated("list_parent_executions", "list_execution_parents")
    return self.list_execution_parents(recurse)


def is_nested(self: Execution) -> bool:
    """Whether it is nested in another execution."""
    return tree.is_nested(self.session.catalog, self.execution_rid)


def is_parent(self: Execution) -> bool:
    """Whether it has nested executions."""
    return tree.is_parent(self.session.catalog, self.execution_rid)
