"""Output of ``dml run``: the available configurations and the result of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.cli.app.output import Console
    from dml.experiment.composition import Composition
    from dml.experiment.run import Outcome

__all__ = ["configs_document", "exit_code", "outcome_document", "render_configs", "render_outcome"]


def configs_document(composition: Composition) -> dict[str, Any]:
    """The fields of ``dml.run.list_configs/1``."""
    return {
        "groups": {group: list(names) for group, names in composition.groups.items() if group},
        "configs": list(composition.groups.get("", ())),
        "multiruns": {
            name: {"overrides": list(overrides), "description": composition.multirun_descriptions.get(name, "")}
            for name, overrides in composition.multiruns.items()
        },
        "notebooks": list(composition.notebooks),
        "problems": [problem.message for problem in composition.problems if problem.stage != "compose"],
    }


def render_configs(console: Console, composition: Composition) -> None:
    """Print groups with their options, and sweeps; only the problems when the modules cannot be loaded."""
    from dml.cli.app.output import Column

    for problem in composition.problems:
        location = problem.location(composition.project)
        console.warn(f"{location}: {problem.message}" if location else problem.message, hint=problem.hint)
    if not composition.loaded:
        return
    rows = [[group, ", ".join(names)] for group, names in composition.groups.items() if group]
    rows += [["(main)", ", ".join(composition.groups.get("", ()))]]
    console.table([Column("group", whole=True), Column("options")], rows)
    if composition.multiruns:
        console.print()
        sweeps = [[f"+multirun={name}", " ".join(overrides)] for name, overrides in composition.multiruns.items()]
        console.table([Column("sweep", whole=True), Column("overrides")], sweeps)


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """The fields of ``dml.run/1``."""
    return {
        "succeeded": outcome.succeeded,
        "execution": outcome.execution,
        "parent": outcome.parent,
        "status": outcome.status,
        "dry_run": outcome.dry_run,
        "jobs": [
            {"sequence": job.sequence, "rid": job.rid, "status": job.status, "detail": job.detail or None}
            for job in outcome.jobs
        ],
        "exit": exit_code(outcome),
    }


def render_outcome(console: Console, outcome: Outcome, where: str = "") -> None:
    """Print the result of a run and the next command; ``where`` are the options that name its catalog."""
    if outcome.dry_run:
        console.print("Dry run: nothing was written to the catalog.")
        return
    for job in outcome.jobs:
        if not job.done:
            console.print(f"  {job.describe()}")
    if outcome.parent is not None:
        done = sum(job.done for job in outcome.jobs)
        then = f"dml nested {outcome.parent}" if outcome.succeeded else f"dml run --resume {outcome.parent}"
        jobs = f"{done} of {len(outcome.jobs)} jobs uploaded"
        console.print(f"{outcome.parent} {outcome.status}: {jobs}.   {then}{where}")
    elif outcome.execution is not None:
        verb = "lineage" if outcome.status == "Uploaded" else "exec show"
        console.print(
            f"{outcome.execution} {outcome.status or ''}".rstrip() + f".   dml {verb} {outcome.execution}{where}"
        )


def exit_code(outcome: Outcome) -> int:
    """The exit code: 0 when all jobs succeeded, 3 when some did, by signal when killed, else 1."""
    if outcome.succeeded:
        return 0
    if outcome.code < 0:
        return 128 - outcome.code
    return 3 if any(job.done for job in outcome.jobs) else 1
