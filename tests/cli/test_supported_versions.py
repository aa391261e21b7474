"""A Typer that dml has not been tried with: one sentence, the command that installs another, and no traceback."""

from __future__ import annotations

import os
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from cli.runner import run, spawn
from dml.cli.app.supported_versions import TYPER

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
UNSUPPORTED = ["0.15.4", "0.27.3", "0.30.0", "0.30.0rc1", "0.100.0", "1.0", "nightly"]


def test_the_range_is_the_one_that_the_package_declares() -> None:
    declared = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    assert f"typer>={TYPER[0]},<{TYPER[1]}" in declared


@pytest.mark.parametrize("version", UNSUPPORTED)
def test_another_typer_is_refused_with_the_command_that_installs_one(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typer, "__version__", version)
    result = run("version")
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: Typer {version} is installed, and dml does not work with it\n"
        f"hint: Install another one: {shlex.quote(sys.executable)} -m pip install 'typer>=0.28,<0.30'\n"
    )


@pytest.mark.parametrize("version", ["0.28", "0.28.0", "0.29.2", "0.29.99"])
def test_a_typer_in_the_range_is_used(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "__version__", version)
    assert run("version").code == 0


def test_json_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "__version__", "0.30.0")
    error = run("version", "--json").json["error"]
    assert (error["type"], error["exit"]) == ("DmlError", 1)
    assert "Typer 0.30.0" in error["message"]


def test_completion_is_silent_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "__version__", "0.30.0")
    monkeypatch.setenv("_DML_COMPLETE", "bash")
    monkeypatch.setenv("_DML_WORDS", "dml\nconf")
    result = run()
    assert (result.code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("__version__ = '0.31.0'\n", "error: Typer 0.31.0 is installed, and dml does not work with it"),
        ("raise ImportError('no such module')\n", "error: Typer is missing"),
    ],
    ids=["a Typer without anything dml uses", "no Typer"],
)
def test_a_typer_of_which_nothing_can_be_imported_is_no_defect(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "typer.py").write_text(content, encoding="utf-8")
    done = spawn("exec", "list", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == sentence
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2
