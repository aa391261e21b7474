"""Run a notebook in a process of the project: ``python -m dml.experiment.notebook_job REQUEST``.

Papermill executes the notebook. The executed notebook and its Markdown export become outputs of the execution that
``run_notebook`` started in it, which is then committed. An error in a cell fails the execution; the partially executed
notebook is staged with it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from dml.errors import DmlError

__all__ = ["main"]

_TYPE = "Notebook_Output"


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute or inspect the notebook in the request file; return 0 on success and 1 otherwise."""
    path = (sys.argv[1:] if arguments is None else list(arguments))[0]
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        papermill: Any = import_module("papermill")
    except ImportError:
        sys.stderr.write(f"error: {sys.executable} has no papermill\nhint: pip install 'deriva-dml[notebook]'\n")
        return 1
    if request["inspect"]:
        sys.stdout.write(json.dumps(papermill.inspect_notebook(request["notebook"])) + "\n")
        return 0
    error = _execute(papermill, request)
    saved = Path(os.environ["DERIVA_ML_SAVE_EXECUTION_RID"])
    if not saved.exists():
        if error:
            sys.stderr.write(f"error: {error}\n")
        return 1 if error else 0
    try:
        return _finish(json.loads(saved.read_text(encoding="utf-8")), Path(request["output"]), error)
    except DmlError as failure:
        sys.stderr.write(f"error: {failure.message}\n" + (f"hint: {failure.hint}\n" if failure.hint else ""))
        return 1


def _execute(papermill: Any, request: dict[str, Any]) -> str | None:
    """Execute the notebook; return the error of a cell, or None."""
    try:
        papermill.execute_notebook(
            request["notebook"],
            request["output"],
            parameters=request["parameters"],
            kernel_name=request["kernel"],
            log_output=request["log_output"],
            progress_bar=False,
            cwd=str(Path(request["notebook"]).parent),
        )
    except papermill.exceptions.PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    return None


def _finish(saved: dict[str, Any], executed: Path, error: str | None) -> int:
    """Stage the executed notebook and its export, stop the execution, and commit it unless a cell failed."""
    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution
    from dml.execution.status import ExecutionStatus

    ml = DerivaML(
        saved["hostname"], saved["catalog_id"], working_dir=saved["working_dir"], cache_dir=saved["cache_dir"]
    )
    execution = Execution(ml.session, saved["execution_rid"])
    for path in (executed, _markdown(executed)):
        if path is not None:
            execution.asset_file_path("Execution_Asset", path, asset_types=_TYPE, copy_file=True)
    if error is not None:
        execution.update_status(ExecutionStatus.FAILED, error=error)
        sys.stderr.write(f"error: {error}\n")
        ml.session.close()
        return 1
    if execution.status == ExecutionStatus.RUNNING:
        execution.execution_stop()
    execution.commit_output_assets()
    ml.session.close()
    return 0


def _markdown(executed: Path) -> Path | None:
    """Export the executed notebook as Markdown beside it; None without nbconvert."""
    try:
        nbconvert: Any = import_module("nbconvert")
    except ImportError:
        return None
    text, _ = nbconvert.MarkdownExporter().from_filename(str(executed))
    path = executed.with_suffix(".md")
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
