"""The sweep: how many jobs, by which launcher, and whether they differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, ok, skipped, warning

GROUP = "sweep"

MANY: Final = 100
"""Jobs above which a sweep is more often a slip than meant."""


def check(look: CheckContext) -> Iterator[Result]:
    """Report the fan-out; nothing for a single run."""
    composition = look.subject.composition
    if composition is None or not composition.is_sweep:
        return
    if not composition.jobs:
        yield skipped(GROUP, "jobs", "the configuration did not compose")
        return
    if not composition.sweeper.endswith("BasicSweeper"):
        yield skipped(
            GROUP, "jobs", f"{composition.sweeper.rpartition('.')[2]} decides while it runs how many jobs there are"
        )
        return
    count = composition.job_count
    launcher = composition.launcher.rpartition(".")[2]
    noun = "job" if count == 1 else "jobs"
    text = f"{count:,} {noun} by {launcher}, nested in one parent"
    if count > MANY:
        yield warning(GROUP, "jobs", f"{text}: is that meant?", "fewer values, or go on with --yes")
    else:
        yield ok(GROUP, "jobs", text)
    if len(composition.jobs) < count:
        yield skipped(GROUP, "composed", f"{count - len(composition.jobs):,} of {count:,} jobs were not composed")
    configs = [job.config for job in composition.jobs if job.composed]
    same = [config for position, config in enumerate(configs) if config in configs[:position]] if count <= MANY else []
    if same:
        yield warning(GROUP, "same", f"{len(same)} of {count} jobs have the configuration of another one")
    targets = {str(config.get("deriva_ml")) for config in configs}
    if len(targets) > 1:
        yield warning(GROUP, "targets", f"the jobs write to {len(targets)} catalogs: one parent cannot nest them all")
