"""Running a composed experiment: one execution, or a sweep with its parent, in the project's own process."""

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
    Launched,
    NotebookRequest,
    SweepPlace,
    UploadObserver,
    hydra_places,
    run_dml_project,
    run_notebook_file,
)
from dml.experiment.launch_deriva_ml import run_their_notebook, run_theirs
from dml.experiment.run_monitor import RunMonitor, Watcher
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
    """Where a run works.

    Attributes:
        target: The catalog.
        workspace: Its workspace.
        cache: The cache's directory; the workspace's own when None.
        allow_dirty: Whether uncommitted changes are accepted.
        watcher: Told how far the run is; None when nobody watches.
    """

    target: Target
    workspace: Path
    cache: Path | None = None
    allow_dirty: bool = False
    watcher: Watcher | None = None

    def watch(self, parent: str | None = None, jobs: int = 0) -> UploadObserver | None:
        """What follows the project's process for the watcher; of a sweep with its parent and how many jobs will run."""
        if self.watcher is None:
            return None
        return partial(RunMonitor, self.watcher, self.target, self.workspace, parent=parent, jobs=jobs)

    def open(self) -> DerivaML:
        """The Python API there."""
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
    """How a run ended.

    Attributes:
        code: Exit code of the project's process; negative for a signal.
        execution: RID of the execution; None for a sweep or when none was made.
        parent: RID of the sweep's parent.
        status: Status of the execution or of the parent.
        jobs: How each job of a sweep stands.
        dry_run: Whether nothing was to be written.
    """

    code: int
    execution: str | None = None
    parent: str | None = None
    status: str | None = None
    jobs: tuple[JobState, ...] = ()
    dry_run: bool = False

    @property
    def went_well(self) -> bool:
        """Whether everything is done."""
        return self.code == 0 and all(job.done for job in self.jobs)


def is_dry_run(composition: Composition) -> bool:
    """Whether the configuration asks for a dry run."""
    return any(config.get("dry_run") is True for config in composition.configs)


def show(composition: Composition, flags: Sequence[str]) -> int:
    """Have Hydra print what it composes or knows; returns its exit code."""
    if composition.api == "deriva_ml":
        arguments = [*composition.request.overrides, *flags]
        return run_theirs(composition, arguments, shows=True).code
    request = JobRequest(overrides=composition.overrides, flags=flags, shows=True)
    return run_dml_project(composition.project, composition.request.config_name, request).code


def run(composition: Composition, site: RunContext) -> Outcome:
    """Run what was composed. Writes registry, workspace and catalog; a dry run writes no catalog.

    Args:
        composition: Every job of it composed.
        site: Where.

    Raises:
        DmlError: The parent of a sweep cannot be made, or the project's interpreter cannot be started.
    """
    dry = is_dry_run(composition)
    if composition.api == "deriva_ml":
        launched = run_theirs(
            composition, composition.request.overrides, allow_dirty=site.allow_dirty, watch=site.watch()
        )
        return Outcome(launched.code, launched.execution, status=status_of(site, launched.execution), dry_run=dry)
    places = hydra_places(site.workspace, datetime.now())  # noqa: DTZ005 - a directory's name, in local time as Hydra's
    if not composition.is_sweep:
        overrides = (*composition.overrides, *places)
        request = JobRequest(overrides=overrides, allow_dirty=site.allow_dirty, watch=site.watch())
        launched = run_dml_project(composition.project, composition.request.config_name, request)
        return Outcome(launched.code, launched.execution, status=status_of(site, launched.execution), dry_run=dry)
    if dry:
        return Outcome(_run_jobs(composition, site, places, None).code, dry_run=True)
    return _run_sweep(composition, site, places)


def run_notebook(
    composition: Composition, site: RunContext, notebook: NotebookRequest, words: Sequence[str] = ()
) -> Outcome:
    """Run a notebook. Writes registry, workspace and catalog; a dry run writes no catalog.

    Args:
        composition: Its configuration, composed.
        site: Where.
        notebook: What dml's runner is given.
        words: What deriva-ml's runner is given instead, in a project written for it.

    Raises:
        DmlError: The project's interpreter cannot be started.
    """
    began = datetime.now(UTC)
    if composition.api == "deriva_ml":
        launched = run_their_notebook(
            composition, notebook.path, words, allow_dirty=site.allow_dirty, watch=site.watch()
        )
        rid = launched.execution or made_since(site, began)
    else:
        launched = run_notebook_file(composition.project, replace(notebook, watch=site.watch()))
        rid = launched.execution
    return Outcome(launched.code, rid, status=status_of(site, rid), dry_run=is_dry_run(composition))


def resume(composition: Composition, site: RunContext, parent: str) -> Outcome:
    """Run the jobs of a sweep that are not done, and end its parent.

    Args:
        composition: Any composition of the project; says where it is.
        site: Where.
        parent: RID of the sweep's parent.

    Raises:
        NotFoundError: The workspace knows no such execution.
        ConflictError: It is no sweep of ``dml run``.
        LockedError: It, or one of its jobs, is still running.
    """
    from dml.experiment.sweep import end_sweep, jobs_left, resume_sweep, returned_by
    from dml.workspace.execution_lock import execution_lock

    ml = site.open()
    try:
        with execution_lock(ml.session.registry, parent):
            sweep = resume_sweep(ml, parent)
            record, left = sweep.record, jobs_left(sweep)
            code = 0
            if left or not record.complete:
                places = hydra_places(site.workspace, datetime.now())  # noqa: DTZ005
                request = JobRequest(
                    overrides=record.overrides,
                    jobs=None if record.sweeper else {number: record.jobs[number] for number in left},
                    hydra_overrides=(*record.hydra_overrides, *places),
                    is_sweep=True,
                    sweep=SweepPlace(site.target, site.workspace, parent, returned_by(sweep)),
                    allow_dirty=site.allow_dirty or record.allow_dirty,
                    watch=site.watch(parent, 0 if record.sweeper else len(left)),
                )
                code = run_dml_project(composition.project, record.config_name, request).code
            went_well, states = end_sweep(sweep)
        return Outcome(code or int(not went_well), parent=parent, status=sweep.parent.status, jobs=tuple(states))
    finally:
        ml.session.close()


def _run_sweep(composition: Composition, site: RunContext, places: Sequence[str]) -> Outcome:
    from dml.experiment.sweep import begin_sweep, end_sweep, parent_configuration

    ml = site.open()
    config = composition.jobs[0].config
    description = str(config.get("description") or composition.sweep_name or "Sweep")
    workflow = _workflow(config.get("workflow"), composition, allow_dirty=site.allow_dirty)
    sweep: Sweep = begin_sweep(
        ml, parent_configuration(composition, workflow, description), composition, allow_dirty=site.allow_dirty
    )
    rid = sweep.parent.execution_rid
    code, went_well = 1, False
    try:
        code = _run_jobs(composition, site, places, SweepPlace(site.target, site.workspace, rid)).code
    finally:
        went_well, states = end_sweep(sweep)
        ml.session.close()
    return Outcome(code or int(not went_well), parent=rid, status=status_of(site, rid), jobs=tuple(states))


def _run_jobs(composition: Composition, site: RunContext, places: Sequence[str], sweep: SweepPlace | None) -> Launched:
    known = composition.has_hydras_sweeper
    request = JobRequest(
        overrides=() if known else composition.overrides,
        jobs={number: job.overrides for number, job in enumerate(composition.jobs)} if known else None,
        hydra_overrides=(*composition.hydra_overrides, *places),
        is_sweep=True,
        sweep=sweep,
        allow_dirty=site.allow_dirty,
        watch=site.watch(sweep.parent, len(composition.jobs) if known else 0) if sweep is not None else None,
    )
    return run_dml_project(composition.project, composition.request.config_name, request)


def made_since(site: RunContext, began: datetime) -> str | None:
    """The execution that this workspace got since; None when it got none or several.

    A runner of deriva-ml does not always say which one it made.
    """
    from dml.workspace.executions import list_executions
    from dml.workspace.session import WorkspaceSession

    with WorkspaceSession.reading(site.target, site.workspace) as session:
        made = [row.rid for row in list_executions(session.registry, since=began) if (row.created_at or began) >= began]
    return made[0] if len(made) == 1 else None


def _workflow(node: Any, composition: Composition, *, allow_dirty: bool) -> Workflow:
    """The workflow of a sweep's parent: that of its jobs.

    Raises:
        UsageError: The configuration names none.
    """
    from dml.execution.workflow import Workflow

    if not isinstance(node, dict) or not node.get("name"):
        raise UsageError("The configuration names no workflow", hint="Add one to the group workflow.")
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


def status_of(site: RunContext, rid: str | None) -> str | None:
    """The status of an execution, as the registry has it; None when it knows none."""
    if rid is None:
        return None
    from dml.workspace.executions import find_execution
    from dml.workspace.session import WorkspaceSession

    with WorkspaceSession.reading(site.target, site.workspace) as session:
        row = find_execution(session.registry, rid)
        return None if row is None else row.status
