"""The source of a workflow of which only the name is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from dml.errors import ConflictError
from dml.workflow.project import describe_project

from .conftest import Project


def test_the_link_is_to_the_whole_repository(project: Project) -> None:
    project.git("tag", "v1.2.0")
    commit = project.git("rev-parse", "HEAD")
    source = describe_project("Train & test", project.root, environ={})
    assert source.url == f"https://github.com/org/repo/tree/{commit}#Train%20%26%20test"
    assert (source.checksum, source.version, source.is_dirty) == ("", "1.2.0", False)
    assert source.git_root == project.root


def test_uncommitted_changes_are_refused_or_recorded(project: Project) -> None:
    project.write("new.py", "")
    with pytest.raises(ConflictError, match=r"new\.py"):
        describe_project("Train", project.root, environ={})
    for source in (
        describe_project("Train", project.root, allow_dirty=True, environ={}),
        describe_project("Train", project.root, environ={"DERIVA_ML_ALLOW_DIRTY": "true"}),
    ):
        assert (source.is_dirty, source.dirty_paths) == (True, ("new.py",))


def test_without_a_remote_the_url_is_made_of_the_name(project: Project) -> None:
    project.git("remote", "remove", "origin")
    with pytest.raises(ConflictError, match="no remote"):
        describe_project("Train", project.root, environ={})
    source = describe_project("Train", project.root, allow_dirty=True, environ={})
    assert (source.url, source.is_dirty) == ("tag:deriva-dml,2026:workflow/Train", True)


def test_outside_a_repository_the_url_is_made_of_the_name(tmp_path: Path) -> None:
    source = describe_project("Train/2", tmp_path, environ={})
    assert (source.url, source.is_dirty, source.git_root) == ("tag:deriva-dml,2026:workflow/Train%2F2", True, None)


def test_a_container_and_the_environment_come_first(project: Project) -> None:
    environ = {"DERIVA_ML_WORKFLOW_URL": "https://example.org/w", "DERIVA_ML_WORKFLOW_CHECKSUM": "abc"}
    source = describe_project("Train", project.root, environ=environ)
    assert (source.url, source.checksum) == ("https://example.org/w", "abc")
