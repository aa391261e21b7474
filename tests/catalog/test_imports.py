"""What commands on local state import from here brings no library with it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["rows", "administration", "vocabulary", "schema", "schema_cache", "url", "retry", "credentials"]
)
def test_light_modules_stay_light(module: str) -> None:
    code = f"import sys, json, dml.catalog.{module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert loaded.isdisjoint({"deriva", "requests", "pydantic", "pandas", "werkzeug", "lark", "git"})


def test_connecting_loads_neither_the_embedded_catalog_nor_more_of_deriva_than_it_must() -> None:
    code = (
        "import sys, json; from dml.catalog.connection import connect; from dml.target import Target;"
        "connect(Target('data.example.org', '1')); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "deriva.core" in loaded
    assert loaded.isdisjoint({"pandas", "werkzeug", "lark", "git", "dml.embedded.application", "textual"})
