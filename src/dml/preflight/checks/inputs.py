"""Conflicts between inputs: listed twice, in two versions, in two roles, nested in one another, with one file name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from dml.errors import DmlError
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, warning
from dml.preflight.run_plan import RunPlan

GROUP = "inputs"


def check(context: CheckContext) -> Iterator[Result]:
    """Report inputs that conflict with each other."""
    plan = context.plan
    conflicts = [*_within_plan(plan), *_within_catalog(context)]
    yield from conflicts
    total = len(plan.datasets) + len(plan.assets) + len(plan.files)
    if not conflicts and total > 1:
        yield ok(GROUP, "together", f"{total} inputs, each listed once")


def _within_plan(plan: RunPlan) -> Iterator[Result]:
    """Report conflicts that the plan alone shows."""
    for kind, rid in plan.duplicates:
        yield failed(GROUP, "duplicate", f"the {kind} {rid} is listed twice", plan.edit_hint(rid), subject=rid)
    versions: dict[str, set[str]] = defaultdict(set)
    for dataset in plan.datasets:
        versions[dataset.rid].add(dataset.version or "the current one")
    for rid, listed in versions.items():
        if len(listed) > 1:
            message = f"{rid} is listed in {len(listed)} versions: {', '.join(sorted(listed))}"
            # Different jobs of a sweep may use different versions; within one job it is an error.
            is_sweep = plan.composition is not None and plan.composition.is_sweep
            problem = warning if is_sweep and ("dataset", rid) not in plan.duplicates else failed
            yield problem(GROUP, "versions", message, "choose one", subject=rid)
    for rid in sorted(versions.keys() & {asset.rid for asset in plan.assets}):
        yield failed(GROUP, "role", f"{rid} is listed both as a dataset and as an asset", "list it once", subject=rid)


def _within_catalog(context: CheckContext) -> Iterator[Result]:
    """Report conflicts that the rows in the catalog show; other groups report a catalog that could not be read."""
    if context.catalog is None:
        return
    try:
        rows = context.catalog.rows()
    except DmlError:
        return
    listed = {dataset.rid for dataset in context.plan.datasets}
    for outer in sorted(listed):
        for inner in sorted(_descendants(rows.nested, outer) & listed - {outer}):
            message = f"{inner} is nested in {outer}: its members are included twice"
            yield warning(GROUP, "nested", message, f"list only {outer} or only {inner}", subject=inner)
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for asset in context.assets:
        row = rows.assets.get(asset.rid)
        if row is not None:
            names[row.table.name, str(row.row.get("Filename"))].add(asset.rid)
    for (table, name), rids in names.items():
        if len(rids) > 1:
            message = f"{len(rids)} inputs have the name {table}/{name}: {', '.join(sorted(rids))}"
            yield warning(GROUP, "names", message, "distinguish them by RID in the code", subject=min(rids))


def _descendants(nested: Mapping[str, Sequence[str]], dataset: str) -> set[str]:
    """The datasets nested in a dataset at any depth."""
    descendants, pending = set[str](), [dataset]
    while pending:
        for inner in nested.get(pending.pop(), ()):
            if inner not in descendants:
                descendants.add(inner)
                pending.append(inner)
    return descendants
