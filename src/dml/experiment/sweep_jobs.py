"""Run the jobs of a sweep under Hydra, in a process of the project, with the launcher and sweeper that it configures.

Every sweeper passes its jobs to a launcher. Here that launcher is wrapped: each job is recorded before it starts,
receives its sequence number, and is not run again when it is done. A sweep can therefore be resumed as long as its
sweeper chooses the same jobs again, as a grid search or a seeded search does.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.errors import ConflictError, DmlError
from dml.experiment import sweep_record
from dml.experiment.hydra_internals import compose_multirun, result_of
from dml.experiment.sweep_parent import PARENT, SEQUENCE

if TYPE_CHECKING:
    from dml.workspace.registry import Registry

__all__ = ["SweepHistory", "launch_jobs", "run_project_sweeper"]


@dataclass(frozen=True)
class SweepHistory:
    """What is recorded of a sweep before its jobs are launched.

    Attributes:
        parent: RID of the parent; None in a dry run.
        registry: The registry that records the jobs; None in a dry run.
        jobs: The overrides of the jobs that were chosen before.
        done: What the model of each uploaded job returned, by sequence number.
    """

    parent: str | None = None
    registry: Registry | None = None
    jobs: tuple[tuple[str, ...], ...] = ()
    done: Mapping[int, Any] | None = None


class RecordingLauncher:
    """A Hydra launcher that records the jobs it receives and runs those that are not done."""

    def __init__(self, launcher: Any, history: SweepHistory) -> None:
        self._launcher = launcher
        self._history = history
        self._launched = 0
        self.failed: list[tuple[int, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._launcher, name)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[Any]:
        """Run a batch of jobs; jobs that are done return what they returned before.

        Raises:
            ConflictError: A job differs from the recorded job with its sequence number.
        """
        from hydra.core.utils import JobReturn, JobStatus

        batch = {initial_job_idx + index: tuple(map(str, job)) for index, job in enumerate(job_overrides)}
        self._record(batch)
        done = self._history.done or {}
        remaining = [sequence for sequence in batch if sequence not in done]
        launched = [positioned_overrides(sequence, batch[sequence], self._history.parent) for sequence in remaining]
        results = self._launcher.launch(launched, initial_job_idx=self._launched) if launched else []
        self._launched += len(launched)
        returned = dict(zip(remaining, results, strict=True))
        self.failed += [item for item in returned.items() if item[1].status != JobStatus.COMPLETED]
        for sequence in batch.keys() - returned.keys():
            returned[sequence] = JobReturn(overrides=list(batch[sequence]), status=JobStatus.COMPLETED)
            returned[sequence].return_value = done[sequence]
        return [returned[sequence] for sequence in batch]

    def _record(self, batch: Mapping[int, tuple[str, ...]]) -> None:
        history = self._history
        for sequence, job in batch.items():
            if sequence < len(history.jobs) and history.jobs[sequence] != job:
                before, now = " ".join(history.jobs[sequence]), " ".join(job)
                raise ConflictError(
                    f"the sweeper chose `{now}` as job {sequence}, which was `{before}` when the sweep started",
                    hint=f"Give the sweeper the same seed as then, or start a new sweep; dml nested {history.parent} "
                    "shows the jobs of this one.",
                )
        new = [job for sequence, job in batch.items() if sequence >= len(history.jobs)]
        if new and history.registry is not None and history.parent is not None:
            sweep_record.add_jobs(history.registry, history.parent, new)


def launch_jobs(
    config_name: str,
    jobs: Mapping[int, Sequence[str]],
    hydra_overrides: Sequence[str],
    task: Callable[[Any], Any],
    parent: str | None,
) -> int:
    """Run exactly the given jobs with the launcher of the configuration.

    Args:
        config_name: Name of the main configuration.
        jobs: The overrides of each job, by sequence number.
        hydra_overrides: Overrides of Hydra's own settings.
        task: Called with the configuration of each job.
        parent: RID of the parent; None in a dry run.

    Returns:
        The number of jobs that failed.

    Raises:
        DmlError: The launcher itself failed.
    """
    from hydra.core.plugins import Plugins
    from hydra.core.utils import JobStatus

    config, context = _composed(config_name, hydra_overrides)
    launcher = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=task, config=config)
    launched = [positioned_overrides(sequence, overrides, parent) for sequence, overrides in jobs.items()]
    context.callbacks.on_multirun_start(config=config, config_name=config_name)
    try:
        results = launcher.launch(launched, initial_job_idx=0)
    except Exception as error:
        # A worker was killed, or the cluster is unavailable; errors of the jobs themselves are among the results.
        first_line = str(error).strip().partition("\n")[0]
        raise DmlError(f"the launcher failed with {type(error).__name__}: {first_line}") from error
    context.callbacks.on_multirun_end(config=config, config_name=config_name)
    finished = zip(jobs, results, strict=True)
    return _report_failed([item for item in finished if item[1].status != JobStatus.COMPLETED])


def run_project_sweeper(
    config_name: str,
    overrides: Sequence[str],
    hydra_overrides: Sequence[str],
    task: Callable[[Any], Any],
    history: SweepHistory,
) -> int:
    """Run the project's own sweeper, which chooses the jobs.

    Args:
        config_name: Name of the main configuration.
        overrides: The overrides for the sweeper, including its own settings.
        hydra_overrides: Overrides of the directories to which Hydra writes.
        task: Called with the configuration of each job.
        history: What is recorded of the sweep.

    Returns:
        The number of jobs that failed; a sweeper stops after the first batch with a failed job.

    Raises:
        ConflictError: The sweeper chose a different job than before.
    """
    from hydra.core.plugins import Plugins
    from omegaconf import OmegaConf

    config, context = _composed(config_name, [*overrides, *hydra_overrides])
    plugins = Plugins.instance()
    instantiate, launchers = plugins.instantiate_launcher, list[RecordingLauncher]()

    def instantiate_recording(*args: Any, **options: Any) -> RecordingLauncher:
        launchers.append(RecordingLauncher(instantiate(*args, **options), history))
        return launchers[-1]

    # A sweeper instantiates its launcher itself, so this is the only place to wrap it.
    plugins.instantiate_launcher = instantiate_recording  # type: ignore[method-assign,assignment]
    try:
        sweeper = plugins.instantiate_sweeper(hydra_context=context, task_function=task, config=config)
        arguments: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
        context.callbacks.on_multirun_start(config=config, config_name=config_name)
        try:
            sweeper.sweep(arguments=arguments)
        except Exception:
            failed = _report_failed([item for launcher in launchers for item in launcher.failed])
            if not failed:
                raise
            return failed
        context.callbacks.on_multirun_end(config=config, config_name=config_name)
    finally:
        del plugins.instantiate_launcher
    failed = _report_failed([item for launcher in launchers for item in launcher.failed])
    if history.registry is not None and history.parent is not None:
        sweep_record.mark_complete(history.registry, history.parent)
    return failed


def positioned_overrides(sequence: int, overrides: Sequence[str], parent: str | None) -> list[str]:
    """A job's overrides with its position, which Hydra sets in the environment of the job's process."""
    position = [f"++hydra.job.env_set.{SEQUENCE}='{sequence}'"]
    if parent is not None:
        position.append(f"++hydra.job.env_set.{PARENT}={parent}")
    return [*overrides, *position]


def _composed(config_name: str, overrides: Sequence[str]) -> tuple[Any, Any]:
    """Hydra's configuration of a multirun, and the context for its plugins."""
    config, context = compose_multirun(config_name, overrides)
    Path(str(config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
    return config, context


def _report_failed(failed: Sequence[tuple[int, Any]]) -> int:
    for sequence, result in failed:
        sys.stderr.write(f"job {sequence} failed: {_reason(result)}\n")
    return len(failed)


def _reason(result: Any) -> str:
    error = result_of(result)
    if not isinstance(error, BaseException):
        return "unknown reason"
    location = project_location(error)
    return f"{type(error).__name__}: {error}" + (f" ({location})" if location else "")


def project_location(error: BaseException) -> str:
    """The innermost line of an error's traceback in the working directory, such as ``src/models/net.py:22``.

    Empty when there is none, or when the error comes from a process that passes on no traceback.
    """
    directory = Path.cwd()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(directory) and not {"site-packages", ".venv"} & set(path.parts):
            return f"{path.relative_to(directory)}:{frame.lineno}"
    return ""
