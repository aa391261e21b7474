"""What dml uses of Hydra beyond its documented names, gathered in this module.

Hydra documents how to compose one configuration and how to write a sweeper, but not how to learn which jobs a sweep has
before it runs, or how to run some of its jobs. Without these functions ``dml preflight`` could not check a sweep, and
``dml run --resume`` would run all of its jobs again; they gain no time.

- ``jobs_of`` calls the static method ``split_arguments`` of Hydra's own sweeper.
- ``compose_multirun`` makes what Hydra's ``main`` makes before it starts a sweeper: ``hydra._internal.hydra.Hydra``.
- ``result_of`` reads the private field of a job's result; the property writes to standard error and raises.
- ``sweep_jobs`` replaces ``Plugins.instantiate_launcher`` for the time of one sweep, to learn of every job.

Imports nothing of dml: ``compose_worker`` loads this file in a project's own interpreter, Python 3.10 or newer. Tried
on hydra-core 1.3.0 and 1.3.8 by ``make test-versions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["compose_multirun", "jobs_of", "result_of"]


def jobs_of(overrides: Sequence[Any]) -> list[list[str]]:
    """The overrides of every job that Hydra's own sweeper makes of parsed overrides."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    return [list(job) for batch in BasicSweeper.split_arguments(list(overrides), None) for job in batch]


def compose_multirun(config_name: str, overrides: Sequence[str]) -> tuple[Any, Any]:
    """The configuration of a multirun, and the context that its launcher and sweeper are given."""
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
    return config, HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config))


def result_of(job: Any) -> Any:
    """What a job returned, or the exception that ended it."""
    return job._return_value
