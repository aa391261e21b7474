"""The environment of a client that nobody here wrote: deriva-ml, pinned, made once beside the checkout."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".interop"


@pytest.fixture(scope="session")
def interpreter() -> Path:
    """The Python that has deriva-ml; a failure to make its environment is a failure of the tests."""
    requirements = HERE / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    ready = ENVIRONMENT / "ready"
    python = ENVIRONMENT / "venv" / "bin" / "python"
    ENVIRONMENT.mkdir(exist_ok=True)
    with (ENVIRONMENT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists() or ready.read_text() != digest or not python.exists():
            ready.unlink(missing_ok=True)
            make(python, requirements)
            ready.write_text(digest)
    return python


def make(python: Path, requirements: Path) -> None:
    base = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    assert base, "deriva-ml 1.17 is tried with Python 3.11, which is not here"
    subprocess.run([base, "-m", "venv", "--clear", python.parents[1]], check=True, timeout=300)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements]
    done = subprocess.run(install, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, f"the environment of deriva-ml could not be made:\n{done.stderr[-4000:]}"
