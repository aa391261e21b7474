"""Running the checks: all of them, at the same time, whatever any of them finds."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.catalog.lazy import Lazy
from dml.errors import DmlError, UsageError
from dml.execution.catalog_facts import CatalogFacts
from dml.execution.input_cache_tiers import CacheTiers
from dml.preflight.check_context import Check, CheckContext
from dml.preflight.code_facts import read_code
from dml.preflight.results import GROUPS, Report, Result, State, skipped
from dml.preflight.run_plan import RunPlan
from dml.preflight.run_summary import card_of

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.workspace.layout import Workspace

__all__ = ["Options", "Told", "look_at", "preflight", "selected_groups"]

Told = Callable[[str, Sequence[Result]], object]
"""Called with a group and its results when that group has ended, from a thread of its own."""


@dataclass(frozen=True)
class Options:
    """How a preflight looks.

    Attributes:
        offline: Ask no server.
        exact: Read sizes at the snapshots.
        groups: The groups to run.
    """

    offline: bool = False
    exact: bool = False
    groups: tuple[str, ...] = GROUPS


def selected_groups(only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[str, ...]:
    """The groups that two options leave.

    Raises:
        UsageError: One is no group, or none is left.
    """
    for name in (*only, *skip):
        if name not in GROUPS:
            raise UsageError(f"there is no group {name!r} of checks", hint=f"There are: {', '.join(GROUPS)}.")
    left = tuple(name for name in GROUPS if (not only or name in only) and name not in skip)
    if not left:
        raise UsageError("no group of checks is left", hint="Leave out --only or --skip.")
    return left


def look_at(
    subject: RunPlan,
    catalog: Catalog | None,
    workspace: Workspace | None,
    *,
    cache: Path | None = None,
    options: Options | None = None,
) -> CheckContext:
    """What the checks are given.

    Args:
        subject: What is examined.
        catalog: A connection to its target; None when there is none.
        workspace: The target's workspace; None without a target.
        cache: The cache's directory, when it is not the workspace's own.
        options: How to look.
    """
    chosen = options or Options()
    tiers = CacheTiers(workspace, cache)
    asked = None if chosen.offline or catalog is None else catalog
    reason = "not asked (--offline)" if chosen.offline else "" if asked is not None else "no catalog to ask"
    root = subject.workflow.path if subject.workflow and subject.workflow.path else subject.root
    return CheckContext(
        subject=subject,
        catalog=None if asked is None else CatalogFacts(asked, subject.inputs, tiers),
        without_catalog=reason,
        tiers=tiers,
        workspace=workspace,
        code=None if root is None else Lazy(partial(read_code, root)),
        offline=chosen.offline,
        exact=chosen.exact,
    )


def preflight(look: CheckContext, options: Options | None = None, *, told: Told | None = None) -> Report:
    """Run the checks. Reads only: no catalog, registry or file is written.

    Args:
        look: From ``look_at``.
        options: Which groups.
        told: Told of each group as it ends, in whatever order they end.
    """
    groups = (options or Options()).groups
    began = time.monotonic()
    before = look.catalog.catalog.traffic.requests if look.catalog else 0
    with ThreadPoolExecutor(len(groups), thread_name_prefix="dml-preflight") as pool:
        results = list(pool.map(partial(_run, look, told), groups))
    card = card_of(look)
    requests = look.catalog.catalog.traffic.requests - before if look.catalog else 0
    return Report(tuple(one for found in results for one in found), card, requests, time.monotonic() - began)


def _run(look: CheckContext, told: Told | None, group: str) -> list[Result]:
    """The results of one group; what kept it from looking is one of them."""
    check: Check = import_module(f"dml.preflight.checks.{group}").check
    found: list[Result] = []
    try:
        found.extend(check(look))
    except DmlError as error:
        found.append(skipped(group, "catalog", f"the catalog could not be asked: {error.message}"))
    if told is not None:
        told(group, tuple(found))
    return found


def worst(results: Iterable[Result]) -> State:
    """The gravest state among some results; skipped when all are, ok when there are none."""
    states: Collection[Any] = {one.state for one in results}
    for state in (State.FAILED, State.WARNING, State.OK, State.SKIPPED):
        if state in states:
            return state
    return State.OK
