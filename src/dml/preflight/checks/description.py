"""The description: it is there, it says something, and this is what will be recorded."""

from __future__ import annotations

from collections.abc import Iterator

from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, ok, skipped, warning

GROUP = "description"

_LONGEST = 60


def check(look: CheckContext) -> Iterator[Result]:
    """Report the description."""
    composition = look.subject.composition
    if composition is not None and not any(job.composed for job in composition.jobs):
        yield skipped(GROUP, "text", "the configuration did not compose")
        return
    if composition is None and not look.subject.needs_workflow:
        return
    text = look.subject.description.strip()
    if not text:
        yield warning(GROUP, "text", "there is no description: nobody will know why this was run", 'description="…"')
        return
    first = text.splitlines()[0].lstrip("# ")
    shown = first if len(first) <= _LONGEST else f"{first[:_LONGEST]}…"
    yield ok(GROUP, "text", f'"{shown}" will be recorded' + (", with each job's overrides" if _is_sweep(look) else ""))


def _is_sweep(look: CheckContext) -> bool:
    return look.subject.composition is not None and look.subject.composition.is_sweep
