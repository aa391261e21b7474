"""Workspaces for these tests: an empty one, and one that deriva-ml 1.34 wrote."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dml.target import Target
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry

_ARCHIVE = Path(__file__).parents[1] / "data" / "deriva-ml-1.34-workspace.tar.gz"


class SetClock:
    """A clock that shows the same time until it is moved."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def move(self, **amount: float) -> None:
        self.instant += timedelta(**amount)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work", Target("example.org", "7"))


@pytest.fixture
def registry(workspace: Workspace, clock: SetClock) -> Iterator[Registry]:
    with Registry.writing(workspace, clock=clock) as opened:
        yield opened


@pytest.fixture
def older(tmp_path: Path) -> Workspace:
    """The workspace of deriva-ml 1.34.0."""
    with tarfile.open(_ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return Workspace(tmp_path / "workspace", Target("localhost", "44"))
