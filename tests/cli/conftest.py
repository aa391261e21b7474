"""What the tests of the command line have: an empty directory to stand in, a terminal of 80 columns, no colour."""

from __future__ import annotations

from pathlib import Path

import pytest

from dml.settings import SETTINGS


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with no project around it and nothing set in the environment."""
    directory = tmp_path / "desk"
    directory.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "DML_DEBUG", "DML_SCHEME", *(setting.variable for setting in SETTINGS.values())):
        monkeypatch.delenv(name, raising=False)
    return directory
