"""The configuration: it composes, every job of it does, nothing is left open, and it means a real catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dml.experiment.composition import Composition, ConfigProblem
from dml.formatting import pluralize
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped, warning
from dml.preflight.run_summary import parameters_of

GROUP = "configuration"

_NAMED_CATALOG = re.compile(r"catalog[ _#]*(\d+)", re.IGNORECASE)
_NUMBER_AT_END = re.compile(r"_(\d+)$")


def check(look: CheckContext) -> Iterator[Result]:
    """Report what composed, and what did not."""
    composition = look.subject.composition
    if composition is None:
        yield ok(GROUP, "inputs", f"{look.subject.name}: inputs are named without Hydra")
        yield from _target(look)
        return
    broken = False
    for problem in composition.problems:
        broken = True
        yield _failure(composition, problem, "composes")
    if not broken:
        yield from _jobs(composition)
    if composition.configs:
        yield from _target(look)
        yield from _empty(look)
        yield from _catalog_names(look)
    yield from _others(composition)


def _jobs(composition: Composition) -> Iterator[Result]:
    bad = [job for job in composition.jobs if job.problem]
    for job in bad[:5]:
        assert job.problem is not None  # noqa: S101 - selected so
        prefix = f"job {job.number}: " if composition.is_sweep else ""
        yield _failure(composition, job.problem, "composes", prefix)
    if len(bad) > 5:
        yield failed(GROUP, "composes", f"{len(bad) - 5} more jobs do not compose")
    missing = sorted({key for job in composition.jobs for key in job.missing})
    for key in missing:
        yield failed(GROUP, "missing", f"{key} has no value (???)", f"{key}=VALUE", subject=key)
    if not bad and not missing and composition.jobs:
        yield ok(GROUP, "composes", _composed(composition))
    if composition.function is not None and composition.function.file is None:
        yield failed(
            GROUP, "function", f"{composition.function.target} cannot be found", subject=composition.function.target
        )


def _composed(composition: Composition) -> str:
    job = composition.jobs[0]
    groups = [group for group, chosen in job.choices.items() if not group.startswith("hydra") and chosen]
    text = f"composed {pluralize(len(groups), 'group')}, {pluralize(len(parameters_of(composition)), 'parameter')}"
    if composition.is_sweep:
        text += f", {len(composition.jobs)} of {composition.job_count} jobs"
    return text


def _target(look: CheckContext) -> Iterator[Result]:
    if look.subject.target_problem:
        yield failed(GROUP, "target", look.subject.target_problem, look.subject.target_fix)
    elif look.subject.target is None:
        yield failed(GROUP, "target", "no catalog selected", "dml catalog use HOST/NUMBER")


def _empty(look: CheckContext) -> Iterator[Result]:
    composition = look.subject.composition
    if composition is None or look.subject.datasets:
        return
    chosen = composition.jobs[0].choices.get("datasets") if composition.jobs else None
    if chosen and {"no", "none"} & set(re.split(r"[_\W]", chosen)):
        return  # what is called so is meant so
    others = [name for name in composition.groups.get("datasets", ()) if name != chosen][:3]
    choose = f"datasets={others[0]}" if others else "add a dataset to the group datasets"
    named = f"datasets={chosen} is an empty list" if chosen else "there are no datasets"
    yield warning(GROUP, "empty", f"{named}: the model gets none", choose, subject=chosen or "datasets")


def _catalog_names(look: CheckContext) -> Iterator[Result]:
    """An option or a description that says another catalog's number than the one that is meant."""
    composition, target = look.subject.composition, look.subject.target
    if composition is None or target is None or not composition.jobs:
        return
    job = composition.jobs[0]
    said: dict[str, str] = {}
    option = job.choices.get("deriva_ml") or ""
    number = _NUMBER_AT_END.search(option)
    if number:
        said[f"the option deriva_ml={option}"] = number[1]
    for group in ("datasets", "assets"):
        node = job.config.get(group)
        description = str(node.get("description") or "") if isinstance(node, dict) else ""
        for text in (description, job.choices.get(group) or ""):
            number = _NAMED_CATALOG.search(text)
            if number:
                said[f"{group}={job.choices.get(group)}"] = number[1]
    for what, number_said in said.items():
        if target.catalog_id.isdigit() and number_said != target.catalog_id:
            yield warning(
                GROUP,
                "other catalog",
                f"{what} speaks of catalog {number_said}, but the run is on catalog {target.catalog_id}",
                f"--catalog {number_said}, or choose options of one catalog",
                subject=what,
            )


def _others(composition: Composition) -> Iterator[Result]:
    for problem in composition.others:
        place = problem.place(composition.project)
        where = f" ({place})" if place else ""
        yield warning(
            GROUP, "others", f"{problem.subject} does not compose: {problem.message}{where}", subject=problem.subject
        )
    if composition.request.others and composition.problems:
        yield skipped(GROUP, "others", "other configurations were not tried")


def _failure(composition: Composition, problem: ConfigProblem, check: str, prefix: str = "") -> Result:
    place = problem.place(composition.project)
    message = f"{prefix}{place}: {problem.message}" if place else prefix + problem.message
    return failed(GROUP, check, message, problem.hint, subject=problem.subject)
