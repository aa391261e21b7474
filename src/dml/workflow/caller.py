"""Which script called dml from Python: the outermost frame that is the user's own code."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import FrameType

_TOOLING = frozenset(
    {
        "__channelexec__",
        "_pytest",
        "asyncio",
        "concurrent",
        "coverage",
        "debugpy",
        "deriva_ml",
        "dml",
        "execnet",
        "hydra",
        "hydra_zen",
        "importlib",
        "ipykernel",
        "IPython",
        "joblib",
        "jupyter",
        "jupyter_client",
        "jupyter_core",
        "multiprocessing",
        "nbclient",
        "nbconvert",
        "omegaconf",
        "papermill",
        "pluggy",
        "pydantic",
        "pydev_ipython",
        "pydevd",
        "pytest",
        "runpy",
        "threading",
        "tornado",
        "traitlets",
        "typer",
        "xdist",
    }
)
"""Top-level modules that start or wrap the user's code."""

_OWN = Path(__file__).resolve().parents[1]


def calling_script(frame: FrameType | None = None) -> Path | None:
    """The file of the outermost user frame; None in a bare interpreter or a notebook.

    Skipped are dml itself, launchers (pytest, Jupyter, debuggers, Hydra, runpy), scripts in a ``bin`` directory of an
    environment, the standard library, and code that is in no file.

    Args:
        frame: Where to begin; the caller's when None.
    """
    found: Path | None = None
    current: FrameType | None = frame if frame is not None else sys._getframe(1)
    while current is not None:
        if _is_users(current):
            found = Path(current.f_code.co_filename)
        current = current.f_back
    return None if found is None else found.absolute()


def _is_users(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    if name.startswith("<") or not Path(name).is_file():
        return False
    module = str(frame.f_globals.get("__name__", ""))
    spec = frame.f_globals.get("__spec__")
    top = (spec.name if spec is not None and module == "__main__" else module).partition(".")[0]
    path = Path(name).resolve()
    if top in _TOOLING or path.is_relative_to(_OWN) or "ipykernel_" in name:
        return False
    in_environment_bin = path.parent.name in ("bin", "Scripts") and path.is_relative_to(Path(sys.prefix).resolve())
    return not in_environment_bin and not _is_standard_library(path)


def _is_standard_library(path: Path) -> bool:
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    return path.is_relative_to(standard) and "site-packages" not in path.parts
