"""The public names of experiments resolve whatever modules were imported before, and importing them loads nothing."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import dml.experiment


@pytest.mark.parametrize("name", dml.experiment.__all__)
def test_a_public_name_is_not_hidden_by_a_module(name: str) -> None:
    assert not isinstance(getattr(dml.experiment, name), ModuleType)


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("hydra_zen", "hydra", "deriva", "pydantic")
    code = f"import sys, dml.experiment; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
