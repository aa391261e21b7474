"""The public names of experiments resolve whatever modules are imported, and the import of the package is light."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import dml.experiment


@pytest.mark.parametrize("name", dml.experiment.__all__)
def test_public_name_is_not_hidden_by_a_module(name: str) -> None:
    assert not isinstance(getattr(dml.experiment, name), ModuleType)


def test_import_loads_no_heavy_package() -> None:
    heavy = ("hydra_zen", "hydra", "deriva", "pydantic")
    code = f"import sys, dml.experiment; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
