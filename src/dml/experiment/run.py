"""Run a composed experiment in a process of the project: one execution, or a sweep with its parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.errors import UsageError
from dml.experiment.launch import (
    JobRequest,
    MonitorFactory,
    NotebookRequest,
    ProcessResult,
    SweepLocation,
    hydra_directory_overrides,
    run_dml_project,
    run_notebook_file,
)
from dml.experiment.launch_deriva_ml import run_deriva_ml_notebook, run_deriva_ml_project
from dml.experiment.run_monitor import RunDisplay, RunMonitor
from dml.experiment.sweep_end import JobState

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.execution.workflow import Workflow
    from dml.experiment.composition import Composition
    from dml.experiment.sweep import Sweep
    from dml.target import Target

__all__ = ["Outcome", "RunContext", "is_dry_run", "resume", "run", "run_notebook", "show", "status_of"]


@dataclass(frozen=True)
class RunContext:
    """The surroundings of a run.

    Attributes:
        target: The catalog.
        workspace: Directory of the workspace.
        cache: Directory of the cache; the workspace's own cache when None.
        allow_dirty: Whether uncommitted changes are accepted.
        display: Displays the progress of the run; None without a display.
    """

    target: Target
    workspace: Path
    cache: Path | None = None
    allow_dirty: bool = False
    display: RunDisplay | None = None

    def monitor(self, parent: str | None = None, jobs: int = 0) -> MonitorFactory | None:
        """Creates the monitor of the project's process; None without a display.

        Args:
            parent: RID of the sweep's parent; None for a single run.
            jobs: Number of jobs of the sweep; 0 when it is unknown.
        """
        if self.display is None:
            return None
        return partial(RunMonitor, self.display, self.target, self.workspace, parent=parent, jobs=jobs)

    def open(self) -> DerivaML:
        """The ``DerivaML`` of the target and the workspace."""
        from dml.api.deriva_ml import DerivaML

        at = f"@{self.target.snapshot}" if self.target.snapshot else ""
        return DerivaML(
            self.target.host,
            self.target.catalog_id + at,
            working_dir=self.workspace,
            cache_dir=self.cache,
            allow_dirty=self.allow_dirty,
        )


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        code: Exit code of the project's process; negative for a signal.
        execution: RID of the execution; None for a sweep, or when none was created.
        parent: RID of the sweep's parent; None for a single run.
        status: Status of the execution or of the parent; None when there is neither.
        jobs: The state of each job of a sweep.
        dry_run: Whether it was a dry run.
    """

    code: int
    execution: str | None = None
    parent: str | None = None
    status: str | None = None
    jobs: tuple[JobState, ...] = ()
    dry_run: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the run, and every job of a sweep, succeeded."""
        return self.code == 0 and all(job.done for job in self.jobs)


def is_dry_run(composition: Composition) -> bool:
    """Whether the configuration asks for a dry run."""
    return any(config.get("dry_run") is True for config in composition.configs)


def show(composition: Composition, flags: Sequence[str]) -> int:
    """Let Hydra print the configuration, or what it knows about it; return the exit code."""
    if composition.api == "deriva_ml":
        arguments = [*composition.request.overrides, *flags]
        return run_deriva_ml_project(composition, arguments, prints_result=True).code
    request = JobRequest(overrides=composition.overrides, flags=flags, prints_result=True)
    return run_dml_project(composition.project, composition.request.config_name, request).code


def run(composition: Composition, context: RunContext) -> Outcome:
    """Run a composed experiment. Writes the registry, the workspace and, except in a dry run, the catalog.

    Args:
        composition: The composition, in which every job has composed.
        context: The surroundings of the run.

    Raises:
        DmlError: The parent of a sweep cannot be created, or the project's interpreter cannot be started.
    """
    dry_run = is_dry_run(composition)
    if composition.api == "deriva_ml":
        launched = run_deriva_ml_project(
            composition, composition.request.overrides, allow_dirty=context.allow_dirty, monitor=context.monitor()
        )
        return Outcome(
            launched.code, launched.execution, status=status_of(context, launched.execution), dry_run=dry_run
        )
    directories = hydra_directory_overrides(context.workspace, datetime.now())  # noqa: DTZ005 - local time, like Hydra
    if not composition.is_sweep:
        overrides = (*composition.overrides, *directories)
        request = JobRequest(overrides=overrides, allow_dirty=context.allow_dirty, monitor=context.monitor())
        launched = run_dml_project(composition.project, composition.request.config_name, request)
        return Outcome(
            launched.code, launched.execution, status=status_of(context, launched.execution), dry_run=dry_run
        )
    if dry_run:
        return Outcome(_run_jobs(composition, context, directories, None).code, dry_run=True)
    return _run_sweep(composition, context, directories)


def run_notebook(
    composition: Composition, context: RunContext, notebook: NotebookRequest, arguments: Sequence[str] = ()
) -> Outcome:
    """Run a notebook. Writes the registry, the workspace and, except in a dry run, the catalog.

    Args:
        composition: The composed configuration of the notebook.
        context: The surroundings of the run.
        notebook: The request for dml's runner.
        arguments: The arguments for deriva-ml's runner, in a project written for deriva-ml.

    Raises:
        DmlError: The project's interpreter cannot be started.
    """
    start = datetime.now(UTC)
    if composition.api == "deriva_ml":
        launched = run_deriva_ml_notebook(
            composition, notebook.path, arguments, allow_dirty=context.allow_dirty, monitor=context.monitor()
        )
        rid = launched.execution or created_since(context, start)
    else:
        launched = run_notebook_file(composition.project, replace(notebook, monitor=context.monitor()))
        rid = launched.execution
    return Outcome(launched.code, rid, status=status_of(context, rid), dry_run=is_dry_run(composition))


def resume(composition: Composition, context: RunContext, parent: str) -> Outcome:
    """Run the unfinished jobs of a sweep and finish its parent.

    Args:
        composition: Any composition of the project, which locates it.
        context: The surroundings of the run.
        parent: RID of the sweep's parent.

    Raises:
        NotFoundError: The workspace has no such execution.
        ConflictError: The execution is not a sweep of ``dml run``.
        LockedError: The sweep, or one of its jobs, is still running.
    """
    from dml.experiment.sweep import finish_sweep, job_results, resume_sweep, unfinished_jobs
    from dml.workspace.execution_lock import execution_lock

    ml = context.open()
    try:
        with execution_lock(ml.session.registry, parent):
            sweep = resume_sweep(ml, parent)
            record, remaining = sweep.record, unfinished_jobs(sweep)
            code = 0
            if remaining or not record.complete:
                directories = hydra_directory_overrides(context.workspace, datetime.now())  # noqa: DTZ005
                request = JobRequest(
                    overrides=record.overrides,
                    jobs=None if record.sweeper else {number: record.jobs[number] for number in remaining},
                    hydra_overrides=(*record.hydra_overrides, *directories),
                    is_sweep=True,
                    sweep=SweepLocation(context.target, context.workspace, parent, job_results(sweep)),
                    allow_dirty=context.allow_dirty or record.allow_dirty,
                    monitor=context.monitor(parent, 0 if record.sweeper else len(remaining)),
                )
                code = run_dml_project(composition.project, record.config_name, request).code
            succeeded, states = finish_sweep(sweep)
        return Outcome(code or int(not succeeded), parent=parent, status=sweep.parent.status, jobs=tuple(states))
    finally:
        ml.session.close()


def _run_sweep(composition: Composition, context: RunContext, directories: Sequence[str]) -> Outcome:
    from dml.experiment.sweep import finish_sweep, parent_configuration, start_sweep

    ml = context.open()
    config = composition.jobs[0].config
    description = str(config.get("description") or composition.sweep_name or "Sweep")
    workflow = _workflow(config.get("workflow"), composition, allow_dirty=context.allow_dirty)
    sweep: Sweep = start_sweep(
        ml, parent_configuration(composition, workflow, description), composition, allow_dirty=context.allow_dirty
    )
    rid = sweep.parent.execution_rid
    code, succeeded = 1, False
    try:
        code = _run_jobs(composition, context, directories, SweepLocation(context.target, context.workspace, rid)).code
    finally:
        succeeded, states = finish_sweep(sweep)
        ml.session.close()
    return Outcome(code or int(not succeeded), parent=rid, status=status_of(context, rid), jobs=tuple(states))


def _run_jobs(
    composition: Composition, context: RunContext, directories: Sequence[str], sweep: SweepLocation | None
) -> ProcessResult:
    is_known = composition.uses_basic_sweeper  # all jobs are known before the first one runs
    request = JobRequest(
        overrides=() if is_known else composition.overrides,
        jobs={number: job.overrides for number, job in enumerate(composition.jobs)} if is_known else None,
        hydra_overrides=(*composition.hydra_overrides, *directories),
        is_sweep=True,
        sweep=sweep,
        allow_dirty=context.allow_dirty,
        monitor=context.monitor(sweep.parent, len(composition.jobs) if is_known else 0) if sweep is not None else None,
    )
    return run_dml_project(composition.project, composition.request.config_name, request)


def created_since(context: RunContext, start: datetime) -> str | None:
    """RID of the execution that was created in this workspace since ``start``; None when there is none or several.

    A runner of deriva-ml does not always report the execution that it created.
    """
    from dml.workspace.executions import list_executions
    from dml.workspace.session import WorkspaceSession

    with WorkspaceSession.reading(context.target, context.workspace) as session:
        rows = list_executions(session.registry, since=start)
    created = [row.rid for row in rows if (row.created_at or start) >= start]
    return created[0] if len(created) == 1 else None


def _workflow(node: Any, composition: Composition, *, allow_dirty: bool) -> Workflow:
    """The workflow of a sweep's parent, the same as that of its jobs.

    Raises:
        UsageError: The configuration has no workflow.
    """
    from dml.execution.workflow import Workflow

    if not isinstance(node, dict) or not node.get("name"):
        raise UsageError("the configuration has no workflow", hint="Add one to the config group workflow.")
    return Workflow(
        str(node["name"]),
        node.get("workflow_type") or [],
        str(node.get("description") or ""),
        url=node.get("url"),
        checksum=node.get("checksum"),
        version=node.get("version"),
        workflow_rid=node.get("workflow_rid"),
        path=node.get("path") or (composition.function.file if composition.function else None),
        allow_dirty=allow_dirty or bool(node.get("allow_dirty")),
    )


def status_of(context: RunContext, rid: str | None) -> str | None:
    """The status of an execution in the registry; None when it is not there."""
    if rid is None:
        return None
    from dml.workspace.executions import find_execution
    from dml.workspace.session import WorkspaceSession

    with WorkspaceSession.reading(context.target, context.workspace) as session:
        row = find_execution(session.registry, rid)
        return None if row is None else row.status
