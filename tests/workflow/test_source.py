"""The recorded source of code: link, checksum, version and uncommitted changes."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from dml.errors import ConflictError, DmlError, IntegrityError, NotFoundError, UsageError
from dml.workflow import notebook
from dml.workflow.git import link_to_file, open_repository
from dml.workflow.source import WorkflowSource, describe_source

from .conftest import Project


def test_a_committed_script(project: Project) -> None:
    first = project.git("rev-parse", "HEAD")
    project.write("other.py", "pass\n")
    project.commit()
    source = describe_source(project.script, environ={})
    assert source == WorkflowSource(
        url=f"https://github.com/org/repo/blob/{first}/train.py",
        checksum=project.git("hash-object", "train.py"),
        git_root=project.root,
        path=project.script,
    )


def test_describing_the_source_writes_nothing(project: Project) -> None:
    index = (project.root / ".git" / "index").read_bytes()
    project.script.touch()
    describe_source(project.script, environ={})
    assert (project.root / ".git" / "index").read_bytes() == index


def test_a_path_relative_to_the_current_directory(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    script = project.write("src/deep/run me#1.py", "pass\n")
    commit = project.commit()
    monkeypatch.chdir(script.parent)
    source = describe_source(Path(script.name), environ={})
    assert source.url == f"https://github.com/org/repo/blob/{commit}/src/deep/run%20me%231.py"
    assert source.git_root == project.root


def test_uncommitted_changes_are_refused_with_their_paths(project: Project) -> None:
    project.script.write_text("print('changed')\n")
    project.write("new file.py", "pass\n")
    with pytest.raises(ConflictError) as refused:
        describe_source(project.script, environ={})
    assert "new file.py" in refused.value.message
    assert "train.py" in refused.value.message
    assert "--allow-dirty" in refused.value.hint


@pytest.mark.parametrize("environ", [{}, {"DERIVA_ML_ALLOW_DIRTY": "true"}, {"DERIVA_ML_DRY_RUN": "true"}])
def test_allowed_changes_are_recorded(project: Project, environ: dict[str, str]) -> None:
    head = project.git("rev-parse", "HEAD")
    project.script.write_text("print('changed')\n")
    source = describe_source(project.script, allow_dirty=not environ, environ=environ)
    assert (source.is_dirty, source.dirty_paths) == (True, ("train.py",))
    assert source.url == f"https://github.com/org/repo/blob/{head}/train.py"
    assert source.checksum == project.git("hash-object", "train.py")


def test_outputs_of_runs_are_not_uncommitted_changes(project: Project) -> None:
    for name in ("outputs/a.txt", "findings/b.txt", ".scratch/c", "logs/d", "notes.txt"):
        project.write(name, "x")
    with pytest.raises(ConflictError, match="logs/d"):
        describe_source(project.script, environ={})
    source = describe_source(project.script, environ={"DERIVA_ML_DIRTY_CHECK_IGNORE": "./logs:notes"})
    assert not source.is_dirty


def test_a_renamed_file_counts_by_its_new_path(project: Project) -> None:
    project.write("a.txt", "text\n" * 20)
    project.commit()
    project.write("outputs/.keep", "")
    project.git("mv", "a.txt", "outputs/a.txt")
    assert describe_source(project.script, environ={}).dirty_paths == ()
    project.git("mv", "outputs/a.txt", "b.txt")
    assert describe_source(project.script, allow_dirty=True, environ={}).dirty_paths == ("b.txt",)


def test_a_long_list_of_changes_is_cut(project: Project) -> None:
    for number in range(30):
        project.write(f"f{number:02}", "x")
    with pytest.raises(ConflictError, match="and 10 more"):
        describe_source(project.script, environ={})


def test_a_file_that_was_never_committed(project: Project) -> None:
    head = project.git("rev-parse", "HEAD")
    project.write(".gitignore", "local.py\n")
    head = project.commit()
    script = project.write("local.py", "pass\n")
    with pytest.raises(ConflictError, match="never been committed"):
        describe_source(script, environ={})
    source = describe_source(script, allow_dirty=True, environ={})
    assert (source.url, source.is_dirty) == (f"https://github.com/org/repo/tree/{head}", True)


def test_a_repository_without_commits(tmp_path: Path) -> None:
    project = Project(tmp_path / "fresh")
    project.remote()
    with pytest.raises(ConflictError):
        describe_source(project.script, environ={})
    source = describe_source(project.script, allow_dirty=True, environ={})
    assert (source.url, source.is_dirty) == ("https://github.com/org/repo", True)


def test_a_repository_without_a_remote(tmp_path: Path) -> None:
    project = Project(tmp_path / "alone")
    project.commit()
    with pytest.raises(ConflictError, match="no remote") as refused:
        describe_source(project.script, environ={})
    assert "git remote add" in refused.value.hint
    project.remote("https://example.org/a.git", name="upstream")
    assert describe_source(project.script, environ={}).url.startswith("https://example.org/a/blob/")
    project.remote("https://example.org/b.git", name="fork")
    with pytest.raises(ConflictError, match="fork, upstream"):
        describe_source(project.script, environ={})


def test_a_file_in_no_repository(tmp_path: Path) -> None:
    script = tmp_path / "loose.py"
    script.write_text("pass\n")
    with pytest.raises(ConflictError, match="not in a git repository"):
        describe_source(script, environ={})
    source = describe_source(script, allow_dirty=True, environ={})
    assert (source.url, source.is_dirty, source.git_root) == ("", True, None)
    expected = subprocess.run(["git", "hash-object", str(script)], capture_output=True, text=True, check=True)
    assert source.checksum == expected.stdout.strip()


def test_a_detached_head_and_a_worktree(project: Project, tmp_path: Path) -> None:
    head = project.git("rev-parse", "HEAD")
    project.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    source = describe_source(tmp_path / "tree" / "train.py", environ={})
    assert (source.url, source.git_root) == (f"https://github.com/org/repo/blob/{head}/train.py", tmp_path / "tree")


def test_a_file_in_a_submodule_belongs_to_the_submodule(project: Project, tmp_path: Path) -> None:
    inner = Project(tmp_path / "inner")
    head = inner.commit()
    project.git("submodule", "add", "-q", str(inner.root), "lib")
    project.commit()
    source = describe_source(project.root / "lib" / "train.py", environ={})
    assert source.url == f"file://{inner.root}/blob/{head}/train.py"
    (project.root / "lib" / "train.py").write_text("changed\n")
    with pytest.raises(ConflictError, match="lib"):
        describe_source(project.script, environ={})


def test_missing_files_and_directories_are_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        describe_source(tmp_path / "nowhere.py", environ={})
    with pytest.raises(UsageError, match="directory"):
        describe_source(project.root, environ={})
    with pytest.raises(UsageError, match="not both"):
        describe_source(project.script, module="train", environ={})


def test_a_module_is_found_without_being_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("src/pkg/__init__.py", "raise SystemExit('imported')\n")
    project.write("src/pkg/fit.py", "raise SystemExit('imported')\n")
    project.write("src/pkg/__main__.py", "raise SystemExit('imported')\n")
    project.commit()
    monkeypatch.chdir(project.root)
    assert describe_source(module="pkg.fit", environ={}).url.endswith("/src/pkg/fit.py")
    assert describe_source(module="pkg", environ={}).url.endswith("/src/pkg/__main__.py")
    with pytest.raises(NotFoundError, match=r"pkg\.none"):
        describe_source(module="pkg.none", environ={})
    with pytest.raises(UsageError):
        describe_source(module="../x", environ={})


def test_explicit_values_need_no_repository(tmp_path: Path) -> None:
    source = describe_source(url="https://example.org/x.ipynb", checksum="abc", version="1.2", environ={})
    assert source == WorkflowSource("https://example.org/x.ipynb", "abc", "1.2", is_notebook=True)
    loose = tmp_path / "loose.py"
    loose.write_text("pass\n")
    assert describe_source(loose, url="u", checksum="c", environ={}).path == loose
    assert len(describe_source(loose, url="u", environ={}).checksum) == 40


def test_a_container_describes_its_image(project: Project) -> None:
    base = {"DERIVA_MCP_IN_DOCKER": "true", "DERIVA_MCP_VERSION": "3.1"}
    image = base | {"DERIVA_MCP_IMAGE_NAME": "ghcr.io/org/mcp", "DERIVA_MCP_IMAGE_DIGEST": "sha256:ab"}
    assert describe_source(environ=image) == WorkflowSource("ghcr.io/org/mcp@sha256:ab", "sha256:ab", "3.1")
    commit = describe_source(environ=base | {"DERIVA_MCP_GIT_COMMIT": "0abc"})
    assert (commit.url.rpartition("/commit/")[2], commit.checksum) == ("0abc", "0abc")
    with pytest.raises(UsageError, match="image of this container is unknown"):
        describe_source(environ=base)


def test_the_environment_overrides_the_repository(project: Project) -> None:
    environ = {"DERIVA_ML_WORKFLOW_URL": "https://u:pw@example.org/n", "DERIVA_ML_WORKFLOW_CHECKSUM": "abc"}
    plain = describe_source(project.script, environ=environ)
    assert plain == WorkflowSource("https://example.org/n", "abc")
    named = project.write("n.ipynb", "{}")
    project.git("tag", "v1.4.0")
    source = describe_source(environ=environ | {"DERIVA_ML_NOTEBOOK_PATH": str(named)})
    assert (source.is_notebook, source.git_root, source.version) == (True, project.root, "1.4.0")


def test_a_repository_that_git_refuses_gives_a_hint(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(DmlError) as refused:
        describe_source(project.script, environ={})
    assert "safe.directory" in refused.value.hint


def _notebook(outputs: bool) -> str:
    output = [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}] if outputs else []
    cell = {
        "cell_type": "code",
        "id": "a1",
        "execution_count": 7 if outputs else None,
        "metadata": {},
        "outputs": output,
        "source": ["print(1)"],
    }
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


class TestNotebooks:
    def test_the_checksum_is_that_of_the_stripped_file_and_survives_a_run(
        self, project: Project, tmp_path: Path
    ) -> None:
        path = project.write("work.ipynb", _notebook(outputs=False))
        commit = project.commit()
        before = describe_source(path, environ={})
        path.write_text(_notebook(outputs=True))
        after = describe_source(path, allow_dirty=True, environ={})
        clean = tmp_path / "clean.ipynb"
        clean.write_bytes(notebook.strip_outputs(path))
        assert before.checksum == after.checksum == project.git("hash-object", str(clean))
        assert before.url == f"https://github.com/org/repo/blob/{commit}/work.ipynb"
        assert (before.is_notebook, before.is_dirty, after.is_dirty) == (True, False, True)

    def test_without_nbstripout_the_error_says_what_to_install(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = project.write("work.ipynb", _notebook(outputs=False))
        project.commit()
        monkeypatch.setattr(notebook.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(DmlError, match="nbstripout") as refused:
            describe_source(path, environ={})
        assert "[notebook]" in refused.value.hint

    def test_a_file_that_is_not_a_notebook_is_refused(self, project: Project) -> None:
        path = project.write("work.ipynb", "not json")
        project.commit()
        with pytest.raises(IntegrityError, match=r"work\.ipynb"):
            describe_source(path, environ={})

    @pytest.mark.parametrize("name", ["DERIVA_ML_NOTEBOOK_PATH", "PAPERMILL_INPUT_PATH", "JPY_SESSION_NAME"])
    def test_the_environment_names_the_notebook_of_a_kernel(self, project: Project, name: str) -> None:
        path = project.write("work.ipynb", _notebook(outputs=False))
        project.commit()
        assert describe_source(environ={name: str(path)}).path == path


def test_a_missing_git_is_an_error_with_a_hint(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git.Git.GIT_PYTHON_GIT_EXECUTABLE", str(project.root / "no-such-git"))
    with pytest.raises(DmlError, match="git is not installed") as caught:
        describe_source(project.script)
    assert "--workflow-url" in caught.value.hint


def test_without_a_remote_the_link_is_empty_if_that_is_allowed(tmp_path: Path) -> None:
    bare = Project(tmp_path / "bare")
    bare.commit()
    repository = open_repository(bare.script)
    assert repository is not None
    with closing(repository):
        assert link_to_file(repository, bare.script, allow_missing=True) == ("", False)
        with pytest.raises(ConflictError, match="no remote"):
            link_to_file(repository, bare.script, allow_missing=False)
