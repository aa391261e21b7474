"""Data flow: what produced an artifact and from what, what was made from it, and the renderings of both.

The names below are the public API; each is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.lineage.between import lineage_between
    from dml.lineage.check import Finding, Severity, check_history
    from dml.lineage.compare import Compared, ComparedRun, compare_executions
    from dml.lineage.diff import Difference, HistoryDiff, compare_histories
    from dml.lineage.forward import FlowResult, lookup_descendants
    from dml.lineage.graph import Graph
    from dml.lineage.lookup import lookup_lineage
    from dml.lineage.result import LineageNode, LineageResult

_HOMES = {
    "check": ("Finding", "Severity", "check_history"),
    "compare": ("Compared", "ComparedRun", "compare_executions"),
    "diff": ("Difference", "HistoryDiff", "compare_histories"),
    "between": ("lineage_between",),
    "forward": ("FlowResult", "lookup_descendants"),
    "graph": ("Graph",),
    "lookup": ("lookup_lineage",),
    "result": ("LineageNode", "LineageResult"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Compared",
    "ComparedRun",
    "Difference",
    "Finding",
    "FlowResult",
    "Graph",
    "HistoryDiff",
    "LineageNode",
    "LineageResult",
    "Severity",
    "check_history",
    "compare_executions",
    "compare_histories",
    "lineage_between",
    "lookup_descendants",
    "lookup_lineage",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
