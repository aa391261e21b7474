"""The room's public names: all there, and none loaded before it is used."""

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
def test_every_public_name_is_there_and_described(name: str) -> None:
    found = getattr(dml.dataset, name)
    assert found.__doc__
    assert found.__name__ == name  # a module of the same name would hide it


def test_nothing_is_loaded_before_it_is_used() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Frobnicator'"):
        dml.dataset.Frobnicator  # noqa: B018
    assert set(dml.dataset.__all__) <= set(dir(dml.dataset))
