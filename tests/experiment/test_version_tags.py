"""``dml bump``: the next version tag, pushed only on request."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.runner import run
from dml.errors import ConflictError, NotFoundError, UsageError
from dml.experiment.version_tags import bump
from experiments import RetinaProject


@pytest.fixture
def retina(make_project: Callable[..., RetinaProject], monkeypatch: pytest.MonkeyPatch) -> RetinaProject:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Test")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "test@example.org")
    project = make_project("dml")
    project.commit("after the tag", tag=False)
    return project


@pytest.mark.parametrize(("part", "tag"), [("patch", "v0.3.2"), ("minor", "v0.4.0"), ("major", "v1.0.0")])
def test_next_version_is_tagged(retina: RetinaProject, part: str, tag: str) -> None:
    result = bump(retina.root / "src", part)
    assert (result.tag, result.previous, result.pushed) == (tag, "v0.3.1", False)
    assert retina.git("rev-list", "-n", "1", tag).strip() == retina.git("rev-parse", "HEAD").strip()
    assert retina.git("ls-remote", "--tags", "origin", tag) == ""


def test_tagged_commit_is_left_alone(retina: RetinaProject) -> None:
    first = bump(retina.root, "patch")
    again = bump(retina.root, "patch")
    assert (again.tag, again.existed) == (first.tag, True)


def test_tag_is_pushed_on_request(retina: RetinaProject) -> None:
    assert bump(retina.root, "patch", push=True).pushed
    assert "refs/tags/v0.3.2" in retina.git("ls-remote", "--tags", "origin")


def test_dry_run_creates_no_tag(retina: RetinaProject) -> None:
    assert bump(retina.root, "patch", dry_run=True).tag == "v0.3.2"
    assert retina.git("tag") == "v0.3.1\n"


def test_uncommitted_changes_are_refused(retina: RetinaProject) -> None:
    retina.write("new.py", "x = 1\n")
    with pytest.raises(ConflictError, match=r"new\.py"):
        bump(retina.root, "patch")
    assert bump(retina.root, "patch", allow_dirty=True).tag == "v0.3.2"


def test_first_tag_and_tags_that_are_not_versions(retina: RetinaProject) -> None:
    retina.git("tag", "-d", "v0.3.1")
    retina.git("tag", "nightly")
    assert bump(retina.root, "minor", dry_run=True).tag == "v0.1.0"


def test_refusals(retina: RetinaProject, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NotFoundError, match="not in a git repository"):
        bump(empty, "patch")
    subprocess.run(["git", "init", "-q", str(empty)], check=True)
    with pytest.raises(NotFoundError, match="has no commits"):
        bump(empty, "patch")
    with pytest.raises(UsageError, match="unknown part of a version"):
        bump(retina.root, "middle")
    retina.git("remote", "remove", "origin")
    with pytest.raises(UsageError, match="no remote"):
        bump(retina.root, "patch", push=True)


def test_tag_of_another_branch_is_not_reused(retina: RetinaProject) -> None:
    retina.git("checkout", "-q", "-b", "side")
    retina.git("commit", "-q", "--allow-empty", "-m", "side")
    bump(retina.root, "patch")
    retina.git("checkout", "-q", "main")
    with pytest.raises(ConflictError, match="another branch"):
        bump(retina.root, "patch")


def test_bump_command(retina: RetinaProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(retina.root)
    assert "would tag" in run("bump", "patch", "--dry-run").stdout
    assert "git push origin v0.3.2" in run("bump", "patch").stdout
    assert run("bump", "patch").stdout.startswith("nothing to do: ")
    assert run("bump", "middle").code == 2
