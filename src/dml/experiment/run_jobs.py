"""Run jobs in a process of the project: ``python -m dml.experiment.run_jobs REQUEST``, started by ``dml run``.

The request is a JSON file with the configuration package, the main configuration, and either the overrides of one job
or a sweep. While the jobs of a sweep run, this process is recorded as the one that runs the sweep's parent: if
``dml run`` itself is killed, the jobs continue, and they are not started a second time. Exits 0 if all jobs succeeded,
and 1 otherwise.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dml.errors import DmlError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the jobs of the request file; return the exit code."""
    from hydra_zen import store

    from dml.experiment.config_modules import load_configs

    path = (sys.argv[1:] if arguments is None else list(arguments))[0]
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    package = Path(request["config_directory"])
    directories = [str(package.parent), str(package.parent.parent)]
    sys.path[:0] = directories
    # Processes that a launcher starts, such as submitit's, do not inherit the path of this one.
    os.environ["PYTHONPATH"] = os.pathsep.join(directories)
    try:
        load_configs(package.name)
        store.add_to_hydra_store(overwrite_ok=True)
        return _sweep(request) if request["is_sweep"] else _single(request)
    except DmlError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


def _task() -> Callable[[Any], Any]:
    from hydra_zen import zen

    from dml.experiment.model_run import run_model

    task: Callable[[Any], Any] = zen(run_model)
    return task


def _single(request: dict[str, Any]) -> int:
    """Run one job with Hydra's own command line."""
    from hydra_zen import zen

    from dml.experiment.model_run import run_model

    sys.argv[:] = [request["config_name"], *request["overrides"], *request["flags"]]
    zen(run_model).hydra_main(config_name=request["config_name"], version_base="1.3", config_path=None)
    return 0


def _sweep(request: dict[str, Any]) -> int:
    """Run the jobs of a sweep, recorded as the process of its parent; a dry run has no parent."""
    from dml.experiment.sweep_jobs import SweepHistory

    sweep = request["sweep"]
    if sweep is None:
        return _run(request, SweepHistory())
    from dml.experiment.sweep_record import read_record
    from dml.target import Target
    from dml.workspace.layout import find_workspace
    from dml.workspace.liveness import Heartbeat
    from dml.workspace.registry import Registry

    parent = sweep["parent"]
    registry = Registry.writing(find_workspace(Target.parse(sweep["target"]), Path(sweep["workspace"])))
    with Heartbeat(registry, parent, command=f"the jobs of the sweep {parent}"):
        if os.getppid() != sweep["starter"]:
            raise DmlError("`dml run` ended before the first job started", hint=f"dml run --resume {parent}")
        record = read_record(registry, parent)
        done = {int(sequence): returned for sequence, returned in sweep["done"]}
        return _run(request, SweepHistory(parent, registry, record.jobs if record is not None else (), done))


def _run(request: dict[str, Any], history: Any) -> int:
    from dml.experiment.sweep_jobs import launch_jobs, run_project_sweeper

    name, hydra = request["config_name"], request["hydra_overrides"]
    sys.argv[:] = [name, *request["overrides"]]
    if request["jobs"] is None:
        return min(1, run_project_sweeper(name, request["overrides"], hydra, _task(), history))
    jobs = {int(job["sequence"]): job["overrides"] for job in request["jobs"]}
    return min(1, launch_jobs(name, jobs, hydra, _task(), history.parent))


if __name__ == "__main__":
    sys.exit(main())
