"""The jobs of a sweep under Hydra, in the project's own process, by whatever launcher and sweeper the project chose.

Every sweeper hands its jobs to a launcher. Here that launcher is wrapped: each job is remembered before it is begun, is
told its place, and is not run again when it is done. So a sweep goes on after an interruption as long as its sweeper
chooses the same jobs again, as one with a list of its own or with a seed does.
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
from dml.experiment.sweep_parent import PARENT, SEQUENCE

if TYPE_CHECKING:
    from dml.workspace.registry import Registry

__all__ = ["Known", "launch_jobs", "sweep_by_its_sweeper"]


@dataclass(frozen=True)
class Known:
    """What is known of a sweep when its jobs are begun.

    Attributes:
        parent: RID of the parent; None in a dry run.
        registry: Where its jobs are remembered; None in a dry run.
        jobs: The jobs that were chosen before.
        done: Place of each job that is uploaded → what its model returned.
    """

    parent: str | None = None
    registry: Registry | None = None
    jobs: tuple[tuple[str, ...], ...] = ()
    done: Mapping[int, Any] | None = None


class RememberingLauncher:
    """A launcher of Hydra's that remembers the jobs it is given and runs those that are not done."""

    def __init__(self, launcher: Any, known: Known) -> None:
        self._launcher = launcher
        self._known = known
        self._launched = 0
        self.failed: list[tuple[int, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._launcher, name)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[Any]:
        """Run a batch; what is done already is given back as it ended then.

        Raises:
            ConflictError: A job differs from the one that had its place before.
        """
        from hydra.core.utils import JobReturn, JobStatus

        batch = {initial_job_idx + at: tuple(map(str, job)) for at, job in enumerate(job_overrides)}
        self._remember(batch)
        done = self._known.done or {}
        left = [sequence for sequence in batch if sequence not in done]
        placed = [placed_overrides(sequence, batch[sequence], self._known.parent) for sequence in left]
        ended = self._launcher.launch(placed, initial_job_idx=self._launched) if placed else []
        self._launched += len(placed)
        returned = dict(zip(left, ended, strict=True))
        self.failed += [(sequence, one) for sequence, one in returned.items() if one.status != JobStatus.COMPLETED]
        for sequence in batch.keys() - returned.keys():
            returned[sequence] = JobReturn(
                overrides=list(batch[sequence]), status=JobStatus.COMPLETED, _return_value=done[sequence]
            )
        return [returned[sequence] for sequence in batch]

    def _remember(self, batch: Mapping[int, tuple[str, ...]]) -> None:
        known = self._known
        for sequence, job in batch.items():
            if sequence < len(known.jobs) and known.jobs[sequence] != job:
                before, now = " ".join(known.jobs[sequence]), " ".join(job)
                raise ConflictError(
                    f"The sweeper chose `{now}` as job {sequence}, which was `{before}` when the sweep began",
                    hint=f"Give the sweeper its seed of then, or begin a new sweep; dml nested {known.parent} shows "
                    "what this one has.",
                )
        new = [job for sequence, job in batch.items() if sequence >= len(known.jobs)]
        if new and known.registry is not None and known.parent is not None:
            sweep_record.add_jobs(known.registry, known.parent, new)


def launch_jobs(
    config_name: str,
    jobs: Mapping[int, Sequence[str]],
    hydra_overrides: Sequence[str],
    task: Callable[[Any], Any],
    parent: str | None,
) -> int:
    """Run the given jobs, and no others, by the launcher that the configuration chooses.

    Args:
        config_name: The main configuration.
        jobs: Place → overrides.
        hydra_overrides: Overrides of Hydra's own settings.
        task: Called with the configuration of each job.
        parent: RID of the parent; None in a dry run.

    Returns:
        How many failed.

    Raises:
        DmlError: The launcher itself failed.
    """
    from hydra.core.plugins import Plugins
    from hydra.core.utils import JobStatus

    config, context = _composed(config_name, hydra_overrides)
    launcher = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=task, config=config)
    placed = [placed_overrides(sequence, overrides, parent) for sequence, overrides in jobs.items()]
    context.callbacks.on_multirun_start(config=config, config_name=config_name)
    try:
        returned = launcher.launch(placed, initial_job_idx=0)
    except Exception as error:
        # A launcher whose worker was killed, or whose cluster is away; what the jobs themselves raise is returned.
        first = str(error).strip().partition("\n")[0]
        raise DmlError(f"The launcher ended with {type(error).__name__}: {first}") from error
    context.callbacks.on_multirun_end(config=config, config_name=config_name)
    ended = zip(jobs, returned, strict=True)
    return _tell_failed([(sequence, one) for sequence, one in ended if one.status != JobStatus.COMPLETED])


def sweep_by_its_sweeper(
    config_name: str, overrides: Sequence[str], hydra_overrides: Sequence[str], task: Callable[[Any], Any], known: Known
) -> int:
    """Have the project's own sweeper choose the jobs.

    Args:
        config_name: The main configuration.
        overrides: What the sweeper is given, its own settings among them.
        hydra_overrides: Where Hydra writes.
        task: Called with the configuration of each job.
        known: What is known of the sweep.

    Returns:
        How many failed; a sweeper ends with the first batch in which one does.

    Raises:
        ConflictError: It chose otherwise than before.
    """
    from hydra.core.plugins import Plugins
    from omegaconf import OmegaConf

    config, context = _composed(config_name, [*overrides, *hydra_overrides])
    plugins = Plugins.instance()
    make, made = plugins.instantiate_launcher, list[RememberingLauncher]()

    def remembering(*args: Any, **options: Any) -> RememberingLauncher:
        made.append(RememberingLauncher(make(*args, **options), known))
        return made[-1]

    plugins.instantiate_launcher = remembering  # type: ignore[method-assign,assignment]
    try:
        sweeper = plugins.instantiate_sweeper(hydra_context=context, task_function=task, config=config)
        given: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
        context.callbacks.on_multirun_start(config=config, config_name=config_name)
        try:
            sweeper.sweep(arguments=given)
        except Exception:
            failed = _tell_failed([one for launcher in made for one in launcher.failed])
            if not failed:
                raise
            return failed
        context.callbacks.on_multirun_end(config=config, config_name=config_name)
    finally:
        del plugins.instantiate_launcher
    failed = _tell_failed([one for launcher in made for one in launcher.failed])
    if known.registry is not None and known.parent is not None:
        sweep_record.mark_complete(known.registry, known.parent)
    return failed


def placed_overrides(sequence: int, overrides: Sequence[str], parent: str | None) -> list[str]:
    """A job's overrides with its place, which Hydra sets in the environment of the process that runs it."""
    place = [f"++hydra.job.env_set.{SEQUENCE}='{sequence}'"]
    if parent is not None:
        place.append(f"++hydra.job.env_set.{PARENT}={parent}")
    return [*overrides, *place]


def _composed(config_name: str, overrides: Sequence[str]) -> tuple[Any, Any]:
    """Hydra's configuration of a multirun, and what its plugins are given."""
    from hydra._internal.callbacks import Callbacks
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import HydraContext, RunMode
    from hydra.version import setbase

    setbase("1.3")
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2(task_name="dml", config_search_path=create_config_search_path(None))
    config = hydra.compose_config(
        config_name=config_name,
        overrides=[*overrides, "hydra.mode=MULTIRUN"],
        run_mode=RunMode.MULTIRUN,
        with_log_configuration=True,
    )
    Path(str(config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
    return config, HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config))


def _tell_failed(failed: Sequence[tuple[int, Any]]) -> int:
    for sequence, one in failed:
        sys.stderr.write(f"job {sequence} failed: {_reason(one)}\n")
    return len(failed)


def _reason(returned: Any) -> str:
    error = returned._return_value
    if not isinstance(error, BaseException):
        return "without a reason"
    place = own_place(error)
    return f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")


def own_place(error: BaseException) -> str:
    """``src/models/net.py:22``, the innermost line of the working directory that an error passed; empty when it passed
    none there, or came from a process that does not say."""
    here = Path.cwd()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(here) and not {"site-packages", ".venv"} & set(path.parts):
            return f"{path.relative_to(here)}:{frame.lineno}"
    return ""
