"""Run tests on every other supported Python version that is installed here.

Usage: `.venv/bin/python tools/pythons.py [PYTEST ARGUMENT ...]` (see `make test-pythons`).

The version of the interpreter that runs this script is left out, because `make test` covers it. Each version gets an
environment in `.venvs/`, which is kept until the requirements change. Needs uv in the running environment.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / ".venvs"
UV = Path(sys.executable).with_name("uv")
NO_TESTS = 5
"""What pytest exits with when it selected nothing."""


def main(arguments: list[str]) -> int:
    """Test each version in turn; returns 1 when one failed."""
    current = "{}.{}".format(*sys.version_info)
    outcomes: dict[str, str] = {}
    for version in supported_versions():
        if version == current:
            continue
        interpreter = find_interpreter(version)
        if interpreter is None:
            outcomes[version] = "not installed here"
            continue
        print(f"Python {version}: {interpreter}", flush=True)
        code = run_tests(environment_python(version, interpreter), arguments)
        outcomes[version] = "passed" if code == 0 else "selected no tests" if code == NO_TESTS else "FAILED"
    for version, outcome in outcomes.items():
        print(f"Python {version}: {outcome}")
    return int(any(outcome not in ("passed", "not installed here") for outcome in outcomes.values()))


def supported_versions() -> list[str]:
    """The versions that the package's classifiers name, such as `3.12`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    matches = (re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in project["classifiers"])
    return [match[1] for match in matches if match]


def find_interpreter(version: str) -> Path | None:
    """An interpreter of a version that starts: on the PATH, or one that pyenv has installed but not activated."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = (shutil.which(f"python{version}", path=folder) for folder in os.get_exec_path())
    candidates = [*filter(None, on_path), *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)]
    return next((path for path in map(Path, candidates) if _runs(path, version)), None)


def _runs(interpreter: Path, version: str) -> bool:
    """Whether it starts as that version; the shim of a version that pyenv has not activated does not."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([interpreter, "-c", program], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == version


def environment_python(version: str, interpreter: Path) -> Path:
    """The interpreter of the version's environment, which is made where it is missing or out of date.

    Environments of the same version with other requirements are removed.
    """
    digest = hashlib.sha256()
    for part in (ROOT / "requirements" / "dev.txt", ROOT / "pyproject.toml"):
        digest.update(part.read_bytes())
    digest.update(os.fsencode(interpreter.resolve()))
    directory = ENVIRONMENTS / f"{version}-{digest.hexdigest()[:16]}"
    python = directory / "bin" / "python"
    if not (directory / "ready").exists():
        for outdated in ENVIRONMENTS.glob(f"{version}-*"):
            shutil.rmtree(outdated)
        _uv("venv", "--quiet", "--python", interpreter, directory)
        _uv("pip", "install", "--quiet", "--python", python, "--requirement", ROOT / "requirements" / "dev.txt")
        _uv("pip", "install", "--quiet", "--python", python, "--no-deps", "--editable", ROOT)
        (directory / "ready").touch()
    return python


def _uv(*arguments: str | Path) -> None:
    subprocess.run([UV, *arguments], check=True)


def run_tests(python: Path, arguments: list[str]) -> int:
    """Run pytest with its cache left alone; returns its exit code."""
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
