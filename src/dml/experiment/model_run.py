"""``run_model``: one job of an experiment, from its instantiated configuration to its committed outputs.

Hydra calls it in a process of the project. It creates the execution with its inputs and its configuration, runs the
model in it, and commits the outputs. In a sweep, the execution is nested in the sweep's parent.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dml.errors import UsageError
from dml.experiment import sweep_parent
from dml.experiment.catalog_config import open_catalog
from dml.experiment.sweep_parent import reset_multirun_state
from dml.formatting import pluralize

__all__ = ["reset_multirun_state", "run_model"]


@dataclass(frozen=True)
class _HydraJob:
    """The running Hydra job; the defaults apply outside Hydra."""

    number: int = 0
    is_sweep: bool = False
    overrides: tuple[str, ...] = ()
    choices: tuple[tuple[str, str], ...] = ()


def run_model(
    deriva_ml: Any,
    datasets: Any,
    assets: Any,
    description: Any,
    workflow: Any,
    model_config: Any,
    dry_run: bool = False,
    ml_class: Any = None,
    script_config: Any = None,
    upload_timeout: Any = None,
    upload_chunk_size: int | None = None,
) -> Any:
    """Run a model as an execution. Writes the registry, the workspace and, except in a dry run, the catalog.

    Args:
        deriva_ml: The catalog, a ``DerivaMLConfig``.
        datasets: Input datasets, as in ``ExecutionConfiguration``.
        assets: Input assets, as in ``ExecutionConfiguration``.
        description: The purpose of the run, Markdown; the overrides of the job are appended.
        workflow: A ``Workflow``; unless it names its source, that is the file that defines the model.
        model_config: The model, called with ``ml_instance`` and ``execution``.
        dry_run: Download the inputs and call a model that accepts ``dry_run``, but write nothing to the catalog.
        ml_class: The class of ``ml_instance``; ``DerivaML`` when None.
        script_config: A callable that replaces the model; None to run the model.
        upload_timeout: Seconds, or ``(connect, read)``, to wait for the server's response; the setting when None.
        upload_chunk_size: Size of the pieces of a large upload, in bytes; the setting when None.

    Returns:
        The return value of the model.

    Raises:
        DmlError: The execution cannot be created or committed.
        Exception: The error of the model; the execution becomes Failed with it and keeps its staged outputs.
    """
    from dml.execution.configuration import ExecutionConfiguration

    job = _hydra_job()
    _set_timeout(upload_timeout)
    function = script_config if script_config is not None else model_config
    if not callable(function):
        raise UsageError(
            f"model_config is not callable: {type(function).__name__}",
            hint="Store it with builds(function, …, populate_full_signature=True, zen_partial=True).",
        )
    ml = open_catalog(deriva_ml, ml_class)
    configuration = ExecutionConfiguration(
        workflow=_with_source(workflow, function),
        description=_describe_job(str(description or getattr(datasets, "description", "") or ""), job),
        datasets=list(datasets or ()),
        assets=list(assets or ()),
        config_choices=dict(job.choices),
    )
    if dry_run:
        return _run_dry(ml, configuration, function)
    position = None
    if job.is_sweep:
        position = sweep_parent.sweep_position(job.number) or sweep_parent.process_parent(ml, configuration, job)
    with sweep_parent.nested_in_sweep(position):
        execution = ml.create_execution(configuration)
    with execution.execute():
        returned = function(ml_instance=ml, execution=execution)
    if position is not None and is_score(returned):
        _store_score(ml, execution.execution_rid, returned)
    from dml.execution.commit import CommitOptions

    options = CommitOptions()
    if upload_chunk_size is not None:
        options = dataclasses.replace(options, chunk_size=int(upload_chunk_size))
    report = execution.commit_output_assets(options=options)
    _print(f"{execution.execution_rid} {execution.status}: {pluralize(report.total_uploaded, 'file')} committed")
    ml.session.close()
    return returned


def _run_dry(ml: Any, configuration: Any, function: Callable[..., Any]) -> Any:
    """Download the inputs, and call the model if it accepts ``dry_run``."""
    from dml.workspace.pending import Pending, pending_work

    execution = ml.create_execution(configuration, dry_run=True)
    with execution.execute():
        assets = sum(len(paths) for paths in execution.asset_paths.values())
        datasets = len(execution.configuration.datasets)
        _print(f"dry run: found {pluralize(datasets, 'dataset')}, downloaded {pluralize(assets, 'asset')}")
        if not takes_dry_run(function):
            _print("dry run: the model has no parameter dry_run, so it is not called")
            return None
        returned = function(ml_instance=ml, execution=execution, dry_run=True)
    rid = execution.execution_rid
    staged = pending_work(execution.session.registry, [rid]).get(rid, Pending())
    files, features = pluralize(staged.files, "file"), pluralize(staged.features, "feature value")
    _print(f"dry run: the model finished; it would have committed {files} and {features}. Nothing was written.")
    return returned


def is_score(returned: Any) -> bool:
    """Whether a sweeper can use the return value of a model: a number, or several."""
    values = returned if isinstance(returned, list | tuple) else [returned]
    return bool(values) and all(isinstance(value, int | float) for value in values)


def _store_score(ml: Any, rid: str, returned: Any) -> None:
    """Store what a job returned, because the sweeper needs it when the sweep is resumed. Writes the registry."""
    from dml.experiment.sweep_record import RETURNED
    from dml.workspace.executions import update_execution

    update_execution(ml.session.registry, rid, extra={RETURNED: returned})


def takes_dry_run(function: Callable[..., Any]) -> bool:
    """Whether a model accepts the keyword ``dry_run``."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return "dry_run" in parameters or any(value.kind is value.VAR_KEYWORD for value in parameters.values())


def _hydra_job() -> _HydraJob:
    if "hydra" not in sys.modules:
        return _HydraJob()
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized():
        return _HydraJob()
    hydra = HydraConfig.get()
    is_sweep = hydra.mode == RunMode.MULTIRUN
    return _HydraJob(
        number=int(hydra.job.num) if is_sweep else 0,
        is_sweep=is_sweep,
        overrides=tuple(map(str, hydra.overrides.task)),
        choices=tuple((str(key), str(value)) for key, value in hydra.runtime.choices.items()),
    )


def _describe_job(description: str, job: _HydraJob) -> str:
    """The description as it is recorded, with the number and the overrides of the job."""
    omitted = ("description", "dry_run")
    overrides = [text for text in job.overrides if text.lstrip("+").partition("=")[0] not in omitted]
    text = f"{description} [overrides: {', '.join(overrides)}]".strip() if overrides else description
    return f"[Job {sweep_parent.sequence_of(job.number)}] {text}" if job.is_sweep else text


def _with_source(workflow: Any, function: Callable[..., Any]) -> Any:
    """The workflow with the file that defines the model as its source, unless it names another source."""
    from dml.execution.workflow import Workflow

    if not isinstance(workflow, Workflow):
        return workflow
    if workflow.path or workflow.module or workflow.workflow_rid or (workflow.url and workflow.checksum):
        return workflow
    path = source_file(function)
    return workflow if path is None else dataclasses.replace(workflow, path=path)


def source_file(function: Callable[..., Any]) -> Path | None:
    """The file that defines a function, inside any partials and wrappers; None when there is none."""
    while True:
        inner = getattr(function, "func", None) or getattr(function, "__wrapped__", None)
        if not callable(inner):
            break
        function = inner
    try:
        path = inspect.getsourcefile(
            function if inspect.isroutine(function) or inspect.isclass(function) else type(function)
        )
    except TypeError:
        return None
    return Path(path) if path else None


def _set_timeout(timeout: Any) -> None:
    """Let connections of this process wait for a response as long as the configuration says."""
    import os

    if timeout is not None:
        seconds = timeout[-1] if isinstance(timeout, list | tuple) else timeout
        os.environ["DML_TIMEOUT"] = str(float(seconds))


def _print(text: str) -> None:
    """Print a line to standard error; standard output belongs to the model."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
