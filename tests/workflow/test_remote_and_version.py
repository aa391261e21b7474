"""Links to remotes without passwords, and versions from tags."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from dml.workflow.git import open_repository
from dml.workflow.remote import web_link, without_credentials
from dml.workflow.version import declared_version, git_version

from .conftest import Project


@pytest.mark.parametrize(
    ("remote", "link"),
    [
        ("git@github.com:org/repo.git", "https://github.com/org/repo"),
        ("github.com:org/repo", "https://github.com/org/repo"),
        ("git@host.org:/srv/repo.git/", "https://host.org/srv/repo"),
        ("ssh://git@github.com:2222/org/repo.git", "https://github.com/org/repo"),
        ("git+ssh://git@github.com/org/repo", "https://github.com/org/repo"),
        ("git://github.com/org/repo.git", "https://github.com/org/repo"),
        ("https://github.com/org/repo.git", "https://github.com/org/repo"),
        ("https://user:pw@github.com/org/repo.git", "https://github.com/org/repo"),
        ("https://ghp_abc@github.com:8443/org/repo", "https://github.com:8443/org/repo"),
        ("https://oauth2:a@b@github.com/org/repo", "https://github.com/org/repo"),
        ("http://host/org/repo?token=x#y", "http://host/org/repo"),
        ("/srv/git/my repo.git", "file:///srv/git/my%20repo"),
        ("file:///srv/git/repo.git", "file:///srv/git/repo"),
    ],
)
def test_the_web_address_of_a_remote(remote: str, link: str) -> None:
    assert web_link(remote) == link


_WORD = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)


@given(_WORD, st.text("abcXYZ0189!$%:@+", min_size=1, max_size=12), _WORD)
def test_credentials_are_removed(user: str, password: str, path: str) -> None:
    for scheme in ("https", "ssh", "http"):
        url = f"{scheme}://{user}:{password}@example.org/{path}"
        assert "@" not in web_link(url)
        assert web_link(url).endswith(f"://example.org/{path}".removesuffix(".git"))
        assert without_credentials(url) == f"{scheme}://example.org/{path}"


def _version(project: Project, *, dirty: bool = False) -> str | None:
    repository = open_repository(project.script)
    assert repository is not None
    return git_version(repository, project.root, dirty=dirty)


def test_the_version_on_a_tag_and_after_it(project: Project) -> None:
    assert _version(project) is None
    project.git("tag", "v1.2.3")
    assert _version(project) == "1.2.3"
    assert _version(project, dirty=True) == "1.2.4.dev0+dirty"
    project.write("x", "x")
    head = project.commit()
    later = _version(project)
    assert later is not None
    assert later.startswith("1.2.4.dev1+g")
    assert head.startswith(later.rpartition("+g")[2])
    assert Version("1.2.3") < Version(later) < Version("1.2.4")
    assert (_version(project, dirty=True) or "").endswith(".dirty")


@pytest.mark.parametrize(
    ("tag", "version"),
    [("release-2.0", "2.0"), ("app/v3.1", "3.1"), ("2026.1rc1", "2026.1rc1"), ("v1.0.0-beta.2", "1.0.0b2")],
)
def test_tags_of_other_shapes(project: Project, tag: str, version: str) -> None:
    project.git("tag", tag)
    assert _version(project) == version


def test_after_a_pre_release_comes_the_next_pre_release(project: Project) -> None:
    project.git("tag", "1.0rc1")
    assert _version(project, dirty=True) == "1.0rc2.dev0+dirty"


def test_a_tag_that_is_not_a_version_gives_way_to_the_declared_version(project: Project) -> None:
    project.write("pyproject.toml", '[project]\nname = "p"\nversion = "7.8"\n')
    project.commit()
    project.git("tag", "milestone-3-final!")
    assert _version(project) == "7.8"


@pytest.mark.parametrize(
    "content", ["", "[project]\n", "not toml [", '[project]\ndynamic = ["version"]\n', "project = 3\n"]
)
def test_a_project_without_a_declared_version(tmp_path: Path, content: str) -> None:
    (tmp_path / "pyproject.toml").write_text(content)
    (tmp_path / "deep").mkdir()
    assert declared_version(tmp_path / "deep") is None
