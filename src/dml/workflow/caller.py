"""The script that called dml from Python: the outermost stack frame that is user code."""

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
"""Top-level modules that launch or wrap user code."""

_PACKAGE = Path(__file__).resolve().parents[1]


def calling_script(frame: FrameType | None = None) -> Path | None:
    """The file of the outermost frame of user code; None in a bare interpreter or a notebook.

    Frames of dml itself, of launchers (pytest, Jupyter, debuggers, Hydra, runpy), of scripts in the ``bin`` directory
    of the environment, of the standard library, and of code without a file are skipped.

    Args:
        frame: The innermost frame to look at; the caller's when None.
    """
    script: Path | None = None
    current: FrameType | None = frame if frame is not None else sys._getframe(1)
    while current is not None:
        if _is_user_code(current):
            script = Path(current.f_code.co_filename)
        current = current.f_back
    return None if script is None else script.absolute()


def _is_user_code(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    if name.startswith("<") or not Path(name).is_file():
        return False
    module = str(frame.f_globals.get("__name__", ""))
    spec = frame.f_globals.get("__spec__")
    # `python -m pytest` runs as __main__; its spec still has the real name.
    top = (spec.name if spec is not None and module == "__main__" else module).partition(".")[0]
    path = Path(name).resolve()
    if top in _TOOLING or path.is_relative_to(_PACKAGE) or "ipykernel_" in name:
        return False
    is_console_script = path.parent.name in ("bin", "Scripts") and path.is_relative_to(Path(sys.prefix).resolve())
    return not is_console_script and not _is_standard_library(path)


def _is_standard_library(path: Path) -> bool:
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    return path.is_relative_to(standard) and "site-packages" not in path.parts
