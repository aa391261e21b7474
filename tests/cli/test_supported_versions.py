"""A library that dml has not been tried with: one sentence, the command that installs another, and no traceback."""

from __future__ import annotations

import os
import shlex
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import typer

from cli.runner import run, spawn
from dml.cli import version as version_module
from dml.cli.app.supported_versions import DISTRIBUTION, TYPER, find_mismatch

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


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requirements of ``pyproject.toml``, whenever the package was installed."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    optional = [
        f'{line}; extra == "{extra}"' for extra, lines in project["optional-dependencies"].items() for line in lines
    ]
    requirements = [*project["dependencies"], *optional]
    monkeypatch.setattr(metadata, "requires", {DISTRIBUTION: requirements}.get)
    return requirements


def install(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Let these versions look installed; the underscores of a name stand for hyphens."""
    names = {name.replace("_", "-"): version for name, version in versions.items()}
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: names.get(name) or real(name))


def test_the_installed_libraries_meet_the_requirements(declared: list[str]) -> None:
    assert len(declared) > 20
    assert find_mismatch() is None


def test_a_library_of_an_extra_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, mcp="0.1")
    assert find_mismatch() is None


@pytest.mark.parametrize(
    ("name", "version", "requirement"),
    [
        ("textual", "9.0.0", "textual>=8,<9"),
        ("deriva", "1.8.0", "deriva>=1.7.12,<1.8"),
        ("hydra_core", "1.4.0.dev1", "hydra-core>=1.3,<1.4"),
        ("requests", "2.31.0", "requests>=2.32.4,<3"),
    ],
)
def test_a_failure_with_another_version_of_a_library_is_no_defect(
    name: str, version: str, requirement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, **{name: version})

    def fail() -> None:
        raise AttributeError("no attribute '_private'")

    monkeypatch.setattr(version_module, "installed", fail)
    result = run("version")
    assert (result.code, result.stdout) == (1, "")
    first, second, third = result.stderr.splitlines()
    library = f"{name.replace('_', '-')} {version}"
    assert first == (
        f"error: {library} is installed, and dml has not been tried with it: AttributeError: no attribute '_private'"
    )
    assert second == f"hint: Install another one: {shlex.quote(sys.executable)} -m pip install '{requirement}'"
    assert third.startswith("hint: The details are in ")


def test_an_environment_that_cannot_be_read_leaves_the_failure_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("broken metadata")

    monkeypatch.setattr(metadata, "requires", fail)
    monkeypatch.setattr(version_module, "installed", fail)
    assert run("version").stderr.startswith("error: a defect of dml: ValueError: broken metadata")
