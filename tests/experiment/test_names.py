"""The config API: every public name is what it says, however its modules were imported before."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import ModuleType

import dml.experiment


def test_every_name_is_defined_where_it_is_said_to_be() -> None:
    assert sorted(dml.experiment.__all__) == sorted(dml.experiment.HOMES)
    for name, home in dml.experiment.HOMES.items():
        value = getattr(import_module(home), name)
        assert not isinstance(value, ModuleType)
        assert getattr(dml.experiment, name) is value


def test_no_module_hides_a_name() -> None:
    modules = {home.rpartition(".")[2] for home in dml.experiment.HOMES.values()}
    assert not modules & set(dml.experiment.HOMES)


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("hydra_zen", "hydra", "deriva", "pydantic")
    code = f"import sys, dml.experiment; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
