"""What every test has: a home directory that keeps the user's files out of it, and a process as a shell starts it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

# Before anything else is imported: without bytecode each of some thousand child processes compiles all it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

import hypothesis  # noqa: E402
import pytest  # noqa: E402

from dml.embedded.application import release_applications  # noqa: E402

pytest_plugins = ["markers", "targets", "experiments", "pytester"]


def pytest_configure() -> None:
    """Give this process, and all that it starts, the signals and the import path of one started from a shell.

    A program started in the background with ``nohup`` ignores SIGHUP, with ``&`` in a script SIGINT, and its children
    inherit that; a PYTHONPATH would let them import what an installed ``dml`` does not see.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.environ.pop("PYTHONPATH", None)


# A busy machine must not fail a test: no deadline an example, no complaint about slow generation.
hypothesis.settings.register_profile("dml", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("dml")


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
    # As on a real server, one of two writes that overlap is aborted: programs that collide with themselves are seen.
    monkeypatch.setenv("DML_EMBEDDED_OVERLAPPING_WRITES", "abort")
    yield directory
    release_applications()  # the databases of this test would stay open until the last one ends
