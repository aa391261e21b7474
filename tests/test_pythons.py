"""The script behind `make test-pythons`: which versions it finds, when it makes environments, when it fails."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with environments in a directory of the test."""
    spec = importlib.util.spec_from_file_location("pythons", ROOT / "tools" / "pythons.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ENVIRONMENTS", tmp_path / "venvs")
    return module


def _fake(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_versions_are_those_that_the_package_supports(pythons: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = pythons.supported_versions()
    assert versions == ["3.11", "3.12", "3.13"]
    assert project["requires-python"] == f">={versions[0]}"


def test_an_interpreter_on_the_path_is_found(
    pythons: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = _fake(tmp_path / "bin" / "python3.12", "echo 3.12")
    monkeypatch.setenv("PATH", str(real.parent))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert pythons.find_interpreter("3.12") == real
    assert pythons.find_interpreter("3.13") is None


def test_a_shim_that_does_not_start_is_passed_over(
    pythons: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = _fake(tmp_path / "shims" / "python3.12", "echo 'not activated' >&2; exit 127")
    other = _fake(tmp_path / "other" / "python3.12", "echo 3.11")
    monkeypatch.setenv("PATH", f"{shim.parent}:{other.parent}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert pythons.find_interpreter("3.12") is None
    installed = _fake(tmp_path / "pyenv" / "versions" / "3.12.1" / "bin" / "python", "echo 3.12")
    assert pythons.find_interpreter("3.12") == installed


def test_an_environment_is_kept_until_the_requirements_change(
    pythons: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []

    def record(*arguments: str | Path) -> None:
        calls.append(tuple(map(str, arguments)))
        if arguments[0] == "venv":
            Path(arguments[-1]).mkdir(parents=True)

    monkeypatch.setattr(pythons, "_uv", record)
    monkeypatch.setattr(pythons, "ROOT", tmp_path)
    (tmp_path / "requirements").mkdir()
    requirements = tmp_path / "requirements" / "dev.txt"
    requirements.write_text("pytest==1\n")
    (tmp_path / "pyproject.toml").write_text("")
    interpreter = tmp_path / "python3.12"
    first = pythons.environment_python("3.12", interpreter)
    assert [call[0] for call in calls] == ["venv", "pip", "pip"]
    assert pythons.environment_python("3.12", interpreter) == first
    assert len(calls) == 3
    requirements.write_text("pytest==2\n")
    assert pythons.environment_python("3.12", interpreter) != first
    assert len(calls) == 6
    assert len(list((tmp_path / "venvs").iterdir())) == 1


@pytest.mark.parametrize(
    ("codes", "expected", "lines"),
    [
        ({"3.12": 0}, 0, ["Python 3.12: passed", "Python 3.13: not installed here"]),
        ({"3.12": 0, "3.13": 1}, 1, ["Python 3.12: passed", "Python 3.13: FAILED"]),
        ({"3.12": 5, "3.13": 0}, 1, ["Python 3.12: selected no tests", "Python 3.13: passed"]),
    ],
)
def test_it_fails_when_a_version_failed_or_tested_nothing(
    pythons: ModuleType,
    codes: dict[str, int],
    expected: int,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pythons, "supported_versions", lambda: ["3.12", "3.13"])
    monkeypatch.setattr(pythons.sys, "version_info", (3, 11, 0))
    monkeypatch.setattr(pythons, "find_interpreter", lambda version: Path(version) if version in codes else None)
    monkeypatch.setattr(pythons, "environment_python", lambda version, interpreter: interpreter)
    monkeypatch.setattr(pythons, "run_tests", lambda python, arguments: codes[str(python)])
    assert pythons.main(["-n", "2"]) == expected
    assert capsys.readouterr().out.splitlines()[-2:] == lines
