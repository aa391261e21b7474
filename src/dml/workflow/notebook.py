"""Jupyter notebooks as code: their content without outputs, and the notebook that is running."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dml.errors import DmlError, IntegrityError
from dml.safe_text import safe

_TIMEOUT_SECONDS = 120


def is_notebook(path: Path) -> bool:
    """Whether a file name is that of a Jupyter notebook."""
    return path.suffix.lower() == ".ipynb"


def strip_outputs(path: Path, root: Path | None = None) -> bytes:
    """A notebook's content as ``nbstripout -t`` prints it: without outputs, execution counts and volatile metadata.

    These are the bytes that nbstripout's git filter would commit, so the checksum does not change when the notebook is
    run. No kernel is needed.

    Args:
        path: The notebook.
        root: The work tree, which may hold nbstripout's configuration; the notebook's directory when None.

    Raises:
        DmlError: nbstripout is not installed or does not finish within 120 seconds.
        IntegrityError: The file is not a notebook.
    """
    if importlib.util.find_spec("nbstripout") is None:
        raise DmlError(
            f"the checksum of {safe(path)} needs nbstripout, which is not installed",
            hint="Run `pip install 'deriva-dml[notebook]'`, or give --workflow-url and --workflow-checksum.",
        )
    try:
        done = subprocess.run(
            [sys.executable, "-m", "nbstripout", "-t", str(path)],
            cwd=root or path.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DmlError(f"nbstripout did not finish with {safe(path)} in {_TIMEOUT_SECONDS} s") from error
    if done.returncode:
        output = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = safe(output[-1], limit=200) if output else "nbstripout failed"
        raise IntegrityError(f"{safe(path)} cannot be read as a notebook: {reason}")
    return done.stdout


def running_notebook(environ: Mapping[str, str]) -> Path | None:
    """The notebook whose kernel this process is, by the environment; None when it does not name one.

    ``DERIVA_ML_NOTEBOOK_PATH`` and papermill's ``PAPERMILL_INPUT_PATH`` hold its path; Jupyter Server's
    ``JPY_SESSION_NAME`` is relative to the directory in which the server or the kernel was started.
    """
    for name in ("DERIVA_ML_NOTEBOOK_PATH", "PAPERMILL_INPUT_PATH", "JPY_SESSION_NAME"):
        path = Path(environ.get(name, ""))
        if is_notebook(path):
            for candidate in (path, Path(path.name)):
                if candidate.is_file():
                    return candidate.absolute()
    return None
