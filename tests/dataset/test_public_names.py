"""The public names of ``dml.dataset`` exist, and are loaded when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dml.dataset

PROGRAM = """
import sys
import dml.dataset
assert not any(name.startswith(("dml.dataset.", "dml.catalog", "deriva", "requests")) for name in sys.modules)
dml.dataset.DatasetVersion("1.0.0")
assert "dml.catalog" not in sys.modules
"""


@pytest.mark.parametrize("name", dml.dataset.__all__)
def test_every_public_name_exists_and_has_a_docstring(name: str) -> None:
    value = getattr(dml.dataset, name)
    assert value.__doc__
    assert value.__name__ == name  # a module of the same name would hide it


def test_names_are_loaded_when_first_used() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


def test_unknown_names_raise_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Frobnicator'"):
        dml.dataset.Frobnicator  # noqa: B018
    assert set(dml.dataset.__all__) <= set(dir(dml.dataset))
