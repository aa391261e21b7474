"""Run the checks, all of them in parallel, whatever any of them reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from dml.catalog.lazy import Lazy
from dml.errors import DmlError, UsageError
from dml.execution.catalog_facts import CatalogFacts
from dml.execution.input_cache_tiers import CacheTiers
from dml.preflight.check_context import Check, CheckContext
from dml.preflight.code_facts import read_code
from dml.preflight.results import GROUPS, Report, Result, skipped
from dml.preflight.run_plan import RunPlan
from dml.preflight.run_summary import summarize

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.workspace.layout import Workspace

__all__ = ["Options", "ResultCallback", "build_context", "preflight", "select_groups"]

ResultCallback = Callable[[str, Sequence[Result]], object]
"""Called with the name of a group and its results as soon as the group has finished, from the group's thread."""


@dataclass(frozen=True)
class Options:
    """Options of a preflight.

    Attributes:
        offline: Send no requests.
        exact: Read sizes at the datasets' snapshots; slower.
        groups: The groups of checks to run.
    """

    offline: bool = False
    exact: bool = False
    groups: tuple[str, ...] = GROUPS


def select_groups(only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[str, ...]:
    """The groups of checks to run, in their usual order.

    Args:
        only: Run only these groups; all when empty.
        skip: Do not run these groups.

    Raises:
        UsageError: A name is not that of a group, or no group is left.
    """
    for name in (*only, *skip):
        if name not in GROUPS:
            raise UsageError(f"unknown group of checks {name!r}", hint=f"Groups: {', '.join(GROUPS)}.")
    selected = tuple(name for name in GROUPS if (not only or name in only) and name not in skip)
    if not selected:
        raise UsageError("--only and --skip leave no checks to run", hint="Leave out one of them.")
    return selected


def build_context(
    plan: RunPlan,
    catalog: Catalog | None,
    workspace: Workspace | None,
    *,
    cache: Path | None = None,
    options: Options | None = None,
) -> CheckContext:
    """The context for the checks of a plan; nothing is read yet.

    Args:
        plan: The run to check.
        catalog: A connection to the plan's target; None without a target.
        workspace: The workspace of the target; None without a target.
        cache: The cache's directory; the workspace's own cache when None.
        options: Options of the preflight.
    """
    options = options or Options()
    tiers = CacheTiers(workspace, cache)
    reason = "not checked (--offline)" if options.offline else "no catalog" if catalog is None else ""
    root = plan.workflow.path if plan.workflow and plan.workflow.path else plan.root
    return CheckContext(
        plan=plan,
        catalog=None if catalog is None or options.offline else CatalogFacts(catalog, plan.inputs, tiers),
        no_catalog_reason=reason,
        tiers=tiers,
        workspace=workspace,
        code=None if root is None else Lazy(partial(read_code, root)),
        offline=options.offline,
        exact=options.exact,
    )


def preflight(
    context: CheckContext, options: Options | None = None, *, on_result: ResultCallback | None = None
) -> Report:
    """Run the checks. Reads only: no catalog, registry or file is written.

    Args:
        context: The result of ``build_context``.
        options: The groups of checks to run.
        on_result: Called when a group has finished; groups finish in any order.
    """
    groups = (options or Options()).groups
    start = time.monotonic()
    before = context.catalog.catalog.traffic.requests if context.catalog else 0
    with ThreadPoolExecutor(len(groups), thread_name_prefix="dml-preflight") as pool:
        results = list(pool.map(partial(_run, context, on_result), groups))
    summary = summarize(context)
    requests = context.catalog.catalog.traffic.requests - before if context.catalog else 0
    return Report(tuple(chain.from_iterable(results)), summary, requests, time.monotonic() - start)


def _run(context: CheckContext, on_result: ResultCallback | None, group: str) -> list[Result]:
    """The results of one group, including one for a catalog that could not be read."""
    check: Check = import_module(f"dml.preflight.checks.{group}").check
    results: list[Result] = []
    try:
        results.extend(check(context))
    except DmlError as error:
        results.append(skipped(group, "catalog", f"the catalog could not be read: {error.message}"))
    if on_result is not None:
        on_result(group, tuple(results))
    return results
