"""The description: there is one, and its first line as it will be recorded."""

from __future__ import annotations

from collections.abc import Iterator

from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, ok, skipped, warning

GROUP = "description"

_LONGEST = 60


def check(context: CheckContext) -> Iterator[Result]:
    """Report the description."""
    composition = context.plan.composition
    if composition is not None and not any(job.composed for job in composition.jobs):
        yield skipped(GROUP, "text", "the configuration did not compose")
        return
    if composition is None and not context.plan.needs_workflow:
        return
    text = context.plan.description.strip()
    if not text:
        yield warning(GROUP, "text", "no description: nobody will know why this was run", 'description="…"')
        return
    first = text.splitlines()[0].lstrip("# ")
    shown = first if len(first) <= _LONGEST else f"{first[:_LONGEST]}…"
    is_sweep = composition is not None and composition.is_sweep
    yield ok(GROUP, "text", f'"{shown}" will be recorded' + (", with each job's overrides" if is_sweep else ""))
