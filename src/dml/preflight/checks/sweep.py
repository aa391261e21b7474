"""The sweep: its number of jobs, its launcher, and whether its jobs differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, ok, skipped, warning

GROUP = "sweep"

MANY: Final = 100
"""A sweep of more jobs than this is often a mistake."""


def check(context: CheckContext) -> Iterator[Result]:
    """Report the jobs of a sweep; nothing for a single run."""
    composition = context.plan.composition
    if composition is None or not composition.is_sweep:
        return
    if not composition.jobs:
        yield skipped(GROUP, "jobs", "the configuration did not compose")
        return
    if not composition.sweeper.endswith("BasicSweeper"):
        yield skipped(GROUP, "jobs", f"{composition.sweeper.rpartition('.')[2]} chooses the jobs while it runs")
        return
    count = composition.job_count
    launcher = composition.launcher.rpartition(".")[2]
    noun = "job" if count == 1 else "jobs"
    message = f"{count:,} {noun} with {launcher}, nested in one parent"
    if count > MANY:
        yield warning(GROUP, "jobs", f"{message}: is this intended?", "sweep fewer values, or confirm with --yes")
    else:
        yield ok(GROUP, "jobs", message)
    if len(composition.jobs) < count:
        yield skipped(GROUP, "composed", f"{count - len(composition.jobs):,} of {count:,} jobs were not composed")
    configs = [job.config for job in composition.jobs if job.composed]
    repeated = [config for index, config in enumerate(configs) if config in configs[:index]] if count <= MANY else []
    if repeated:
        verb = "repeats" if len(repeated) == 1 else "repeat"
        yield warning(GROUP, "same", f"{len(repeated)} of {count} jobs {verb} the configuration of another job")
    targets = {str(config.get("deriva_ml")) for config in configs}
    if len(targets) > 1:
        yield warning(GROUP, "targets", f"the jobs write to {len(targets)} catalogs: one parent cannot nest them all")
