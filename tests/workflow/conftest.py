"""Git repositories for these tests, created with git and without the user's configuration."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


class Project:
    """A repository with one script."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self.script = self.write("train.py", "print('train')\n")

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.root), "-c", "user.name=T", "-c", "user.email=t@example.org"]
        command += ["-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, name: str, content: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def remote(self, url: str = "git@github.com:org/repo.git", name: str = "origin") -> None:
        self.git("remote", "add", name, url)


@pytest.fixture(autouse=True)
def _isolated_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "DERIVA_ML_DRY_RUN",
        "DERIVA_ML_DIRTY_CHECK_IGNORE",
        "DERIVA_MCP_IN_DOCKER",
        "GIT_DIR",
        "GIT_WORK_TREE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository with an origin and one commit."""
    project = Project(tmp_path / "project")
    project.remote()
    project.commit()
    return project
