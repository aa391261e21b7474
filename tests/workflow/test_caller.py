"""The calling script, determined in a separate process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dml.workflow.caller import calling_script

_LIBRARY = "from dml.workflow.caller import calling_script\n\ndef ask():\n    return calling_script()\n"


def _run(directory: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "library.py").write_text(_LIBRARY)
    (tmp_path / "train.py").write_text("import library\nprint(library.ask())\n")
    return tmp_path


def test_the_outermost_script_is_found_not_the_library_it_uses(scripts: Path) -> None:
    assert _run(scripts, "train.py") == str(scripts / "train.py")


def test_a_script_started_as_a_module(scripts: Path) -> None:
    assert _run(scripts, "-m", "train") == str(scripts / "train.py")


def test_code_without_a_file_has_no_script(scripts: Path) -> None:
    assert _run(scripts, "-c", "from dml.workflow.caller import calling_script; print(calling_script())") == "None"


def test_a_thread_of_a_pool_is_not_mistaken_for_the_standard_library(scripts: Path) -> None:
    (scripts / "pool.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\nimport library\n"
        "with ThreadPoolExecutor() as pool: print(pool.submit(library.ask).result())\n"
    )
    assert _run(scripts, "pool.py") == str(scripts / "library.py")


def test_a_launcher_is_skipped(scripts: Path) -> None:
    (scripts / "hydra").mkdir()
    (scripts / "hydra" / "__init__.py").write_text("def main(call):\n    return call()\n")
    (scripts / "start.py").write_text("import hydra, library\nprint(hydra.main(library.ask))\n")
    assert _run(scripts, "start.py") == str(scripts / "start.py")


def test_under_pytest_the_test_module_is_the_script() -> None:
    assert calling_script() == Path(__file__)
