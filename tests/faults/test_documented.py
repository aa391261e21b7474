"""docs/reliability.md names a test for every invariant and fault, and each of those tests is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
TEXT = (HERE.parents[1] / "docs" / "reliability.md").read_text(encoding="utf-8")
WANTED = [f"I{number}" for number in range(1, 12)] + [f"F{number}" for number in (*range(1, 17), 19, 22, 23, 24)]


def test_every_invariant_and_fault_has_a_test() -> None:
    rows = dict(re.findall(r"^\| ([IF]\d+) \|(.*)\|$", TEXT, re.MULTILINE))
    assert list(rows) == WANTED
    assert [name for name, row in rows.items() if "::test_" not in row] == []


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT))
    there = {
        (path.name, node.name)
        for path in (*HERE.glob("test_*.py"), *HERE.parent.glob("execution/test_unrecorded_files.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert named - there == set()
