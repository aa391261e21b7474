"""No module imports itself through other modules at run time; imports inside functions count."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"


def modules() -> dict[str, Path]:
    """Dotted name of each module of the package → its file."""
    names = {}
    for path in sorted((SOURCE / "dml").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def run_time_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements in a node that are executed, which those for type checkers are not."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
        return
    skipped = node.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) else []
    for child in ast.iter_child_nodes(node):
        if child not in skipped:
            yield from run_time_imports(child)


def imported_modules(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the package that a module imports. A package counts where only a name of it is imported."""
    imported = set()
    for statement in run_time_imports(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            imported |= {alias.name for alias in statement.names}
        elif statement.level == 0 and statement.module:
            submodules = [f"{statement.module}.{alias.name}" for alias in statement.names]
            imported |= {name if name in known else statement.module for name in submodules}
    return imported & known.keys()


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one node (Tarjan)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for successor in sorted(graph[node]):
            if successor not in order:
                visit(successor)
                low[node] = min(low[node], low[successor])
            elif successor in stack:
                low[node] = min(low[node], order[successor])
        if low[node] == order[node]:
            component = stack[stack.index(node) :]
            del stack[-len(component) :]
            if len(component) > 1:
                components.append(sorted(component))

    for node in graph:
        if node not in order:
            visit(node)
    return components


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """Module → the modules that it imports when it is imported or one of its functions runs."""
    known = modules()
    return {name: imported_modules(path, known) - {name} for name, path in known.items()}


def test_no_module_imports_itself(graph: dict[str, set[str]]) -> None:
    assert len(graph) > 500
    assert cycles(graph) == []


def test_cycles_are_found_through_functions_and_not_through_type_checking(tmp_path: Path) -> None:
    sources = {
        "dml.a": "def f():\n    from dml import b\n",
        "dml.b": "from dml.c import name\n",
        "dml.c": "import dml.a\n",
        "dml.d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import dml.e\nelse:\n    import dml.f\n",
        "dml.e": "import dml.d\n",
        "dml.f": "",
    }
    known = {}
    for name, text in sources.items():
        known[name] = tmp_path / f"{name}.py"
        known[name].write_text(text)
    graph = {name: imported_modules(path, known) for name, path in known.items()}
    assert graph["dml.d"] == {"dml.f"}
    assert cycles(graph) == [["dml.a", "dml.b", "dml.c"]]
