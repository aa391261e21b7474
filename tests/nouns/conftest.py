"""A home with the worked example in it, built once; each test works in its own copy."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from dml.catalog.connection import Catalog, connect
from dml.catalog.rows import select
from dml.demo import evaluate
from dml.demo.run import run as run_demo
from dml.settings import SETTINGS
from dml.target import Target

IMAGES = 40


@dataclass(frozen=True)
class Story:
    """What the worked example left.

    Attributes:
        home: The home directory to copy.
        model, predictions: RIDs of assets.
        executions: RID by name of the workflow.
        images: RIDs of rows of ``Image``.
    """

    home: Path
    target: Target
    model: str
    predictions: str
    executions: dict[str, str]
    images: list[str]


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Built once for each process that runs tests."""
    home = tmp_path_factory.mktemp("example")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        for name in ("CONFIG", "CACHE", "STATE", "DATA"):
            patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
        patch.chdir(home)
        patch.setattr(evaluate, "EXPECTED", 0.0)  # so few images teach little
        demo = run_demo(images=IMAGES)
        catalog = connect(demo.target)
        table = catalog.schema().table("Image").qualified_name
        images = [str(row["RID"]) for row in select(catalog, table, columns=["RID"], sort=("RID",), limit=5)]
    return Story(home, demo.target, demo.model, demo.predictions, dict(demo.executions), images)


@pytest.fixture
def story(example: Story, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    """The example in this test's home; the test stands in an empty directory of a git repository."""
    shutil.copytree(example.home, home, dirs_exist_ok=True)
    desk = tmp_path / "desk"
    desk.mkdir()
    monkeypatch.chdir(desk)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "DML_DEBUG", "DML_SCHEME", *(setting.variable for setting in SETTINGS.values())):
        monkeypatch.delenv(name, raising=False)
    for words in (["init", "-q", "-b", "main"], ["remote", "add", "origin", "https://example.org/lab.git"]):
        subprocess.run(["git", *words], cwd=desk, check=True)
    return example


@pytest.fixture
def catalog(story: Story) -> Catalog:
    """A connection to the example's catalog."""
    return connect(story.target)
