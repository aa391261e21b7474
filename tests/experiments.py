"""Projects of users for tests: a copy of the retina project, in git, for either library, with its interpreter.

A pytest plugin, like ``targets``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "experiment"

GIT = (
    "git",
    "-c",
    "user.name=Test",
    "-c",
    "user.email=test@example.org",
    "-c",
    "init.defaultBranch=main",
    "-c",
    "commit.gpgsign=false",
)


@dataclass(frozen=True)
class RetinaProject:
    """A project on disk.

    Attributes:
        root: Its top directory.
        python: The interpreter that has its dependencies.
    """

    root: Path
    python: Path

    @property
    def configs(self) -> Path:
        """Its configuration package."""
        return self.root / "src" / "configs"

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be there in a file of the project."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def git(self, *arguments: str) -> str:
        """Run git in it."""
        done = subprocess.run([*GIT, *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout

    def commit(self, message: str = "change", *, tag: bool = True) -> None:
        """Commit and push everything; the version tag moves along unless it is to stay behind."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.git("push", "-q", "origin", "main")
        if tag:
            self.git("tag", "-f", "v0.3.1")


@pytest.fixture(scope="session")
def bare_interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has hydra-zen and the stand-in for deriva-ml, but not dml."""
    root = tmp_path_factory.mktemp("bare") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
    site = next((root / "lib").glob("python*/site-packages"))
    # Files ending in .pth below a directory that such a file names are not read: dml's own is not found this way.
    site.joinpath("others.pth").write_text(f"{HERE / 'packages'}\n{sysconfig.get_path('purelib')}\n")
    python = root / "bin" / "python"
    found = subprocess.run([str(python), "-c", "import dml"], cwd=root, capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in found.stderr, "dml is to be installed in editable form for the tests"
    return python


@pytest.fixture
def make_project(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., RetinaProject]:
    """Makes a project: ``make_project("deriva_ml")`` or ``make_project("dml")``."""

    def make(
        api: str = "dml", *, dataset: str = "1-DATA", asset: str = "1-ASST", name: str = "retina"
    ) -> RetinaProject:
        root = tmp_path / name
        shutil.copytree(HERE / "projects" / "retina", root, ignore=shutil.ignore_patterns("__pycache__"))
        python = request.getfixturevalue("bare_interpreter") if api == "deriva_ml" else Path(sys.executable)
        for path in root.rglob("*.py"):
            text = (
                path.read_text(encoding="utf-8").replace('"DATASET"', f'"{dataset}"').replace('"ASSET"', f'"{asset}"')
            )
            if api == "dml":
                text = text.replace("from deriva_ml.execution import", "from dml.experiment import")
                text = text.replace("from deriva_ml.dataset import", "from dml.experiment import")
                text = text.replace("from deriva_ml import DerivaMLConfig", "from dml.experiment import DerivaMLConfig")
                text = text.replace("from deriva_ml import", "from dml import")
            path.write_text(text, encoding="utf-8")
        (root / ".venv").symlink_to(python.parent.parent)
        project = RetinaProject(root, python)
        remote = tmp_path / f"{name}.git"
        subprocess.run([*GIT, "init", "-q", "--bare", str(remote)], check=True)
        project.git("init", "-q")
        project.git("remote", "add", "origin", str(remote))
        project.git("add", "-A")
        project.git("commit", "-q", "-m", "The retina project")
        project.git("tag", "v0.3.1")
        project.git("push", "-q", "--tags", "-u", "origin", "main")
        return project

    return make
