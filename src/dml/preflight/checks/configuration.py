"""The configuration: every job of it composes, no value is missing, and it refers to a real catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dml.experiment.composition import Composition, ConfigProblem
from dml.formatting import pluralize
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped, warning
from dml.preflight.run_summary import parameters_of

GROUP = "configuration"

_LISTED = 5
"""The most jobs whose problems are listed."""

_NAMED_CATALOG = re.compile(r"catalog[ _#]*(\d+)", re.IGNORECASE)
_NUMBER_AT_END = re.compile(r"_(\d+)$")


def check(context: CheckContext) -> Iterator[Result]:
    """Report what composes, and what does not."""
    composition = context.plan.composition
    if composition is None:
        yield ok(GROUP, "inputs", f"{context.plan.name}: inputs given without a Hydra project")
        yield from _target(context)
        return
    for problem in composition.problems:
        yield _failure(composition, problem, "composes")
    if not composition.problems:
        yield from _jobs(composition)
    if composition.configs:
        yield from _target(context)
        yield from _empty(context)
        yield from _catalog_names(context)
    yield from _others(composition)


def _jobs(composition: Composition) -> Iterator[Result]:
    problems = [(job.number, job.problem) for job in composition.jobs if job.problem]
    for number, problem in problems[:_LISTED]:
        yield _failure(composition, problem, "composes", f"job {number}: " if composition.is_sweep else "")
    if len(problems) > _LISTED:
        yield failed(GROUP, "composes", f"{len(problems) - _LISTED} more jobs do not compose")
    missing = sorted({key for job in composition.jobs for key in job.missing})
    for key in missing:
        yield failed(GROUP, "missing", f"{key} has no value (???)", f"{key}=VALUE", subject=key)
    if not problems and not missing and composition.jobs:
        yield ok(GROUP, "composes", _composed(composition))
    if composition.function is not None and composition.function.file is None:
        target = composition.function.target
        yield failed(GROUP, "function", f"function {target} not found", subject=target)


def _composed(composition: Composition) -> str:
    job = composition.jobs[0]
    groups = [group for group, chosen in job.choices.items() if not group.startswith("hydra") and chosen]
    text = f"composed {pluralize(len(groups), 'group')}, {pluralize(len(parameters_of(composition)), 'parameter')}"
    if composition.is_sweep:
        text += f", {len(composition.jobs)} of {composition.job_count} jobs"
    return text


def _target(context: CheckContext) -> Iterator[Result]:
    if context.plan.target_problem:
        yield failed(GROUP, "target", context.plan.target_problem, context.plan.target_fix)
    elif context.plan.target is None:
        yield failed(GROUP, "target", "no catalog selected", "dml catalog use HOST/NUMBER")


def _empty(context: CheckContext) -> Iterator[Result]:
    composition = context.plan.composition
    if composition is None or context.plan.datasets:
        return
    chosen = composition.jobs[0].choices.get("datasets") if composition.jobs else None
    if chosen and {"no", "none"} & set(re.split(r"[_\W]", chosen)):
        return  # an option with such a name is empty on purpose
    others = [name for name in composition.groups.get("datasets", ()) if name != chosen][:3]
    fix = f"datasets={others[0]}" if others else "add a dataset to the config group datasets"
    cause = f"datasets={chosen} is an empty list" if chosen else "the configuration has no datasets"
    yield warning(GROUP, "empty", f"{cause}: the model gets none", fix, subject=chosen or "datasets")


def _catalog_names(context: CheckContext) -> Iterator[Result]:
    """Report options and descriptions that mention the number of another catalog than the run's."""
    composition, target = context.plan.composition, context.plan.target
    if composition is None or target is None or not composition.jobs:
        return
    job = composition.jobs[0]
    mentioned: dict[str, str] = {}
    option = job.choices.get("deriva_ml") or ""
    number = _NUMBER_AT_END.search(option)
    if number:
        mentioned[f"the option deriva_ml={option}"] = number[1]
    for group in ("datasets", "assets"):
        node = job.config.get(group)
        description = str(node.get("description") or "") if isinstance(node, dict) else ""
        for text in (description, job.choices.get(group) or ""):
            number = _NAMED_CATALOG.search(text)
            if number:
                mentioned[f"{group}={job.choices.get(group)}"] = number[1]
    for source, catalog_id in mentioned.items():
        if target.catalog_id.isdigit() and catalog_id != target.catalog_id:
            yield warning(
                GROUP,
                "other catalog",
                f"{source} refers to catalog {catalog_id}, but the run uses catalog {target.catalog_id}",
                f"use --catalog {catalog_id}, or options that refer to the same catalog",
                subject=source,
            )


def _others(composition: Composition) -> Iterator[Result]:
    for problem in composition.others:
        place = problem.location(composition.project)
        where = f" ({place})" if place else ""
        yield warning(
            GROUP, "others", f"{problem.subject} does not compose: {problem.message}{where}", subject=problem.subject
        )
    if composition.request.others and composition.problems:
        yield skipped(GROUP, "others", "other configurations were not checked")


def _failure(composition: Composition, problem: ConfigProblem, check: str, prefix: str = "") -> Result:
    place = problem.location(composition.project)
    message = f"{prefix}{place}: {problem.message}" if place else prefix + problem.message
    return failed(GROUP, check, message, problem.hint, subject=problem.subject)
