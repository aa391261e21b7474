"""Orchestration: parent and child executions, how a sweep went. Never mixed with lineage, which is data flow.

The names below are the public API; each is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.nesting.edit import add_nested_execution, remove_nested_execution
    from dml.nesting.execution_summaries import Run
    from dml.nesting.tree import (
        Nesting,
        is_nested,
        is_parent,
        list_execution_children,
        list_execution_parents,
        list_nested_executions,
        list_parent_executions,
        read_nesting,
    )
    from dml.nesting.view import NestedView, build_view

_HOMES = {
    "edit": ("add_nested_execution", "remove_nested_execution"),
    "execution_summaries": ("Run",),
    "tree": (
        "Nesting",
        "is_nested",
        "is_parent",
        "list_execution_children",
        "list_execution_parents",
        "list_nested_executions",
        "list_parent_executions",
        "read_nesting",
    ),
    "view": ("NestedView", "build_view"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "NestedView",
    "Nesting",
    "Run",
    "add_nested_execution",
    "build_view",
    "is_nested",
    "is_parent",
    "list_execution_children",
    "list_execution_parents",
    "list_nested_executions",
    "list_parent_executions",
    "read_nesting",
    "remove_nested_execution",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
