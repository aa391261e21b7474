"""Runs jobs in the project's own process: ``python -m dml.experiment.run_jobs REQUEST``, started by ``dml run``.

The request is a JSON file that names the configuration package, the main configuration, and either the overrides of one
job or the jobs of a sweep. A sweep's jobs are handed to Hydra's launcher one by one, each with its place, so that any
launcher can run them and a resumed sweep may run only some. Exits 0 when all jobs went well, 1 otherwise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dml.errors import DmlError
from dml.experiment.sweep_parent import PARENT, SEQUENCE

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the request file says."""
    from hydra_zen import store

    from dml.experiment.loading import load_configs

    path = (sys.argv[1:] if arguments is None else list(arguments))[0]
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    package = Path(request["config_directory"])
    sys.path[:0] = [str(package.parent), str(package.parent.parent)]
    try:
        load_configs(package.name)
        store.add_to_hydra_store(overwrite_ok=True)
        if request.get("jobs") is not None:
            return _sweep(request)
        return _single(request)
    except DmlError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return 1


def _task() -> Callable[[Any], Any]:
    from hydra_zen import zen

    from dml.experiment.model_run import run_model

    task: Callable[[Any], Any] = zen(run_model)
    return task


def _single(request: dict[str, Any]) -> int:
    """One job, or a sweep by another sweeper than Hydra's basic one, by Hydra's own command line."""
    from hydra_zen import zen

    from dml.experiment.model_run import run_model

    sys.argv[:] = [request["config_name"], *request["overrides"], *request.get("flags", ())]
    zen(run_model).hydra_main(config_name=request["config_name"], version_base="1.3", config_path=None)
    return 0


def _sweep(request: dict[str, Any]) -> int:
    """The given jobs by the launcher that the configuration chooses."""
    from hydra._internal.callbacks import Callbacks
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.plugins import Plugins
    from hydra.core.utils import JobStatus
    from hydra.types import HydraContext, RunMode
    from hydra.version import setbase

    setbase("1.3")
    sys.argv[:] = [request["config_name"], *request["overrides"]]
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2(task_name="dml", config_search_path=create_config_search_path(None))
    config = hydra.compose_config(
        config_name=request["config_name"],
        overrides=[*request["hydra_overrides"], "hydra.mode=MULTIRUN"],
        run_mode=RunMode.MULTIRUN,
        with_log_configuration=True,
    )
    context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config))
    launcher = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=_task(), config=config)
    Path(str(config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
    returned = launcher.launch([_placed(job, request["parent"]) for job in request["jobs"]], initial_job_idx=0)
    failed = 0
    for job, one in zip(request["jobs"], returned, strict=True):
        if one.status != JobStatus.COMPLETED:
            failed += 1
            sys.stderr.write(f"job {job['sequence']} failed: {_reason(one)}\n")
    return 1 if failed else 0


def _placed(job: dict[str, Any], parent: str | None) -> list[str]:
    """A job's overrides with its place, which Hydra sets in the environment of the process that runs it."""
    place = [f"++hydra.job.env_set.{SEQUENCE}='{job['sequence']}'"]
    if parent is not None:
        place.append(f"++hydra.job.env_set.{PARENT}={parent}")
    return [*job["overrides"], *place]


def _reason(returned: Any) -> str:
    try:
        _ = returned.return_value
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "without a reason"


if __name__ == "__main__":
    sys.exit(main())
