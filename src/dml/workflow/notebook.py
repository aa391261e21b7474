"""Notebooks as code: what they are called, and their content without what running them leaves behind."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dml.errors import DmlError, IntegrityError
from dml.safe_text import safe

_SECONDS = 120


def is_notebook(path: Path) -> bool:
    """Whether a name is that of a Jupyter notebook."""
    return path.suffix.lower() == ".ipynb"


def stripped(path: Path, root: Path | None = None) -> bytes:
    """A notebook's content as ``nbstripout -t`` prints it: without outputs, execution counts and volatile metadata.

    No kernel is needed. The same bytes as nbstripout's git filter would commit, so that a checksum survives a run.

    Args:
        path: The notebook.
        root: The work tree, where nbstripout's settings are looked for; the notebook's directory when None.

    Raises:
        DmlError: nbstripout is not installed.
        IntegrityError: The file is no notebook.
    """
    if importlib.util.find_spec("nbstripout") is None:
        raise DmlError(
            f"nbstripout is needed for the checksum of {safe(path)}",
            hint="pip install 'deriva-dml[notebook]', or give --workflow-url and --workflow-checksum.",
        )
    try:
        done = subprocess.run(
            [sys.executable, "-m", "nbstripout", "-t", str(path)],
            cwd=root or path.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DmlError(f"nbstripout did not finish with {safe(path)} in {_SECONDS} s") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise IntegrityError(f"{safe(path)} cannot be read as a notebook: {safe(said[-1] if said else '', limit=200)}")
    return done.stdout


def running_notebook(environ: Mapping[str, str]) -> Path | None:
    """The notebook whose kernel this process is, as far as the environment tells; None when it does not.

    ``DERIVA_ML_NOTEBOOK_PATH`` and papermill's ``PAPERMILL_INPUT_PATH`` name it; Jupyter Server names it in
    ``JPY_SESSION_NAME``, relative to the directory the server or the kernel was started in.
    """
    for name in ("DERIVA_ML_NOTEBOOK_PATH", "PAPERMILL_INPUT_PATH", "JPY_SESSION_NAME"):
        path = Path(environ.get(name, ""))
        if is_notebook(path):
            for candidate in (path, Path(path.name)):
                if candidate.is_file():
                    return candidate.absolute()
    return None
