"""``run_model``: one job of an experiment, from its instantiated configuration to its committed outputs.

Hydra calls it in the project's own process. The execution is created with its inputs and its configuration, the model
runs inside of it, and what it staged is committed. In a sweep the execution is nested in the sweep's parent.
"""

from __future__ import annotations

import dataclasses
import inspect
import logging
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

_log = logging.getLogger("dml")


@dataclass(frozen=True)
class _HydraJob:
    """What Hydra says about the running job; the defaults stand outside of Hydra."""

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
    """Run a model as an execution. Writes registry, workspace and catalog; a dry run writes no catalog.

    Args:
        deriva_ml: The catalog, a ``DerivaMLConfig``.
        datasets: Input datasets, as ``ExecutionConfiguration`` takes them.
        assets: Input assets likewise.
        description: Why it is done; the overrides of the job are added.
        workflow: A ``Workflow``; its source is the file that defines the model unless it says otherwise.
        model_config: The model, called with ``ml_instance`` and ``execution``.
        dry_run: Fetch the inputs and call a model that takes ``dry_run``, but write nothing to the catalog.
        ml_class: A subclass of ``DerivaML``.
        script_config: Called instead of the model when it is set.
        upload_timeout: Seconds, or ``(connect, read)``, to wait for an answer of the server; the setting when None.
        upload_chunk_size: Bytes of one piece of a large upload; the setting when None.

    Returns:
        What the model returned.

    Raises:
        DmlError: The execution cannot be created or committed.
        Exception: Whatever the model raised; the execution is Failed with it, its partial outputs are kept.
    """
    from dml.execution.configuration import ExecutionConfiguration

    job = _hydra_job()
    _set_timeout(upload_timeout)
    function = script_config if script_config is not None else model_config
    if not callable(function):
        raise UsageError(
            f"model_config is {type(function).__name__}, which cannot be called",
            hint="Store it with builds(function, …, populate_full_signature=True, zen_partial=True).",
        )
    ml = open_catalog(deriva_ml, ml_class)
    configuration = ExecutionConfiguration(
        workflow=_located(workflow, function),
        description=_described(str(description or getattr(datasets, "description", "") or ""), job),
        datasets=list(datasets or ()),
        assets=list(assets or ()),
        config_choices=dict(job.choices),
    )
    if dry_run:
        return _tried(ml, configuration, function)
    place = sweep_parent.place_in_sweep(job.number) if not job.is_sweep else None
    if job.is_sweep:
        place = sweep_parent.place_in_sweep(job.number) or sweep_parent.parent_of_this_process(ml, configuration, job)
    with sweep_parent.creating_in(place):
        execution = ml.create_execution(configuration)
    with execution.execute():
        returned = function(ml_instance=ml, execution=execution)
    if place is not None and is_score(returned):
        _remember(ml, execution.execution_rid, returned)
    from dml.execution.commit import CommitOptions

    options = CommitOptions()
    if upload_chunk_size is not None:
        options = dataclasses.replace(options, chunk_size=int(upload_chunk_size))
    report = execution.commit_output_assets(options=options)
    _say(f"{execution.execution_rid} {execution.status}: {pluralize(report.total_uploaded, 'file')} committed")
    ml.session.close()
    return returned


def _tried(ml: Any, configuration: Any, function: Callable[..., Any]) -> Any:
    """Fetch the inputs, and call a model that knows what a dry run is."""
    from dml.workspace.pending import Pending, pending_work

    execution = ml.create_execution(configuration, dry_run=True)
    with execution.execute():
        assets = sum(len(paths) for paths in execution.asset_paths.values())
        datasets = len(execution.configuration.datasets)
        _say(f"dry run: {pluralize(datasets, 'dataset')} found, {pluralize(assets, 'asset')} fetched")
        if not takes_dry_run(function):
            _say("dry run: the model has no parameter dry_run, so it is not called")
            return None
        returned = function(ml_instance=ml, execution=execution, dry_run=True)
    rid = execution.execution_rid
    staged = pending_work(execution.session.registry, [rid]).get(rid, Pending())
    files, features = pluralize(staged.files, "file"), pluralize(staged.features, "feature value")
    _say(f"dry run: the model ended; it would have committed {files} and {features}. Nothing was written.")
    return returned


def is_score(returned: Any) -> bool:
    """Whether a sweeper can go by what a model returned: a number, or several."""
    many = returned if isinstance(returned, list | tuple) else [returned]
    return bool(many) and all(isinstance(one, int | float) for one in many)


def _remember(ml: Any, rid: str, returned: Any) -> None:
    """Keep what a job returned: its sweeper asks for it again when the sweep is resumed. Writes the registry."""
    from dml.experiment.sweep_record import RETURNED
    from dml.workspace.executions import update_execution

    update_execution(ml.session.registry, rid, extra={RETURNED: returned})


def takes_dry_run(function: Callable[..., Any]) -> bool:
    """Whether a model can be called with ``dry_run``."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return "dry_run" in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


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


def _described(description: str, job: _HydraJob) -> str:
    """The description as it is recorded: what was changed for this job stands behind it."""
    changed = [one for one in job.overrides if one.lstrip("+").partition("=")[0] not in ("description", "dry_run")]
    text = f"{description} [overrides: {', '.join(changed)}]".strip() if changed else description
    return f"[Job {sweep_parent.sequence_of(job.number)}] {text}" if job.is_sweep else text


def _located(workflow: Any, function: Callable[..., Any]) -> Any:
    """The workflow with the file that defines the model as its source, unless it names one."""
    from dml.execution.workflow import Workflow

    if not isinstance(workflow, Workflow):
        return workflow
    if workflow.path or workflow.module or workflow.workflow_rid or (workflow.url and workflow.checksum):
        return workflow
    path = source_file(function)
    return workflow if path is None else dataclasses.replace(workflow, path=path)


def source_file(function: Callable[..., Any]) -> Path | None:
    """The file that defines a function, whatever partials and wrappers are around it; None when there is none."""
    while True:
        inner = getattr(function, "func", None) or getattr(function, "__wrapped__", None)
        if not callable(inner):
            break
        function = inner
    try:
        found = inspect.getsourcefile(
            function if inspect.isroutine(function) or inspect.isclass(function) else type(function)
        )
    except TypeError:
        return None
    return Path(found) if found else None


def _set_timeout(timeout: Any) -> None:
    """Let the connection wait as long as the configuration says."""
    import os

    if timeout is not None:
        seconds = timeout[-1] if isinstance(timeout, list | tuple) else timeout
        os.environ["DML_TIMEOUT"] = str(float(seconds))


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
