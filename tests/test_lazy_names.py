"""Public names that a package declares in its stub."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

PACKAGE = """
from dml.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__, __file__)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with two public names, one of another package."""
    name = "lazily_loaded"
    root = tmp_path / name
    root.mkdir()
    (root / "__init__.py").write_text(PACKAGE)
    (root / "__init__.pyi").write_text(
        f"# A comment.\n\nfrom {name}.numbers import ANSWER as ANSWER\nfrom json import dumps as dumps\n"
    )
    (root / "numbers.py").write_text("ANSWER = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    for module in (name, f"{name}.numbers"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return name


def test_a_name_is_imported_when_it_is_first_used(package: str) -> None:
    module = importlib.import_module(package)
    assert f"{package}.numbers" not in sys.modules
    assert (module.ANSWER, module.dumps([])) == (42, "[]")
    assert f"{package}.numbers" in sys.modules


def test_all_public_names_are_listed_and_no_other_resolves(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__ == ["ANSWER", "dumps"]
    assert dir(module) == ["ANSWER", "__all__", "dumps"]
    with pytest.raises(AttributeError, match="'lazily_loaded' has no attribute 'numbers'"):
        _ = module.numbers


def test_a_star_import_takes_the_public_names(package: str) -> None:
    namespace: dict[str, object] = {}
    exec(f"from {package} import *", namespace)
    assert namespace["ANSWER"] == 42
