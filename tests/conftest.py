"""What every test has: a home directory of its own, so that nothing of the user's is read or written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dml.embedded.application import release_applications

pytest_plugins = ["targets", "experiments"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home directory; HOME and the XDG variables point into it, settings of the shell are gone."""
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    for name in ("CONFIG", "CACHE", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(directory / name.lower()))
    for name in (
        "PYTHONUNBUFFERED",
        "DML_HOST",
        "DML_CATALOG",
        "DML_WORKSPACE",
        "DERIVA_ML_ALLOW_DIRTY",
        "DERIVA_ML_WORKFLOW_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    yield directory
    release_applications()  # the databases of this test would stay open until the last one ends
