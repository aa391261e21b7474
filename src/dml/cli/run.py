"""``dml run``: run an experiment with provenance, after checks and a confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from dml.cli.app.framework import command, current, single
from dml.cli.experiment_options import (
    DEFAULT_CONFIG_NAME,
    DEFAULT_TIMEOUT,
    AllowDirty,
    Cfg,
    ConfigDir,
    ConfigName,
    Info,
    ListConfigs,
    Multirun,
    Overrides,
    Python,
    ShowingCommand,
    Timeout,
    Yes,
)

if TYPE_CHECKING:
    from dml.experiment.composition import Composition, ConfigProblem
    from dml.experiment.run import RunContext

app = single("run")


@command(
    app,
    "run",
    cls=ShowingCommand,
    examples=[
        ("dml run +experiment=cifar10_quick", "Check, ask for confirmation, run, commit."),
        (
            "dml run +experiment=cifar10_quick dry_run=true",
            "Download and load inputs, but write nothing to the catalog.",
        ),
        ("dml run +multirun=lr_sweep --yes", "All jobs of a sweep, nested in one parent."),
        ("dml run --resume 6A0", "The unfinished jobs of a sweep."),
        ("dml run --list-configs", "List the configurations to choose from."),
    ],
)
def run(
    overrides: Overrides = None,
    config_dir: ConfigDir = None,
    config_name: ConfigName = DEFAULT_CONFIG_NAME,
    multirun: Multirun = False,
    yes: Yes = False,
    resume: Annotated[
        str | None, Option("--resume", metavar="PARENT", help="Run the unfinished jobs of this sweep.")
    ] = None,
    no_preflight: Annotated[bool, Option("--no-preflight", help="Skip the checks.")] = False,
    list_configs: ListConfigs = False,
    cfg: Cfg = None,
    info: Info = None,
    resolve: Annotated[bool, Option("--resolve", help="With --cfg: resolve interpolations.")] = False,
    package: Annotated[str | None, Option("--package", metavar="NAME", help="With --cfg: show only this part.")] = None,
    allow_dirty: AllowDirty = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    python: Python = None,
) -> None:
    """Run an experiment of the current project with provenance.

    Runs the checks of `dml preflight`, shows what will run, asks for confirmation, and runs it in the project's
    environment. Outputs are committed when the model returns; when it raises, the execution is Failed and its outputs
    stay staged. A project written for deriva-ml is run by deriva-ml's own runner.
    """
    from dml.cli.experiment_options import composed, naming, sort_words
    from dml.cli.run_view import configs_document, exit_code, outcome_document, render_configs, render_outcome
    from dml.errors import UsageError
    from dml.experiment import run

    words, rids = sort_words(overrides or [])
    if rids:
        raise UsageError(f"{rids[0]} is not an override", hint=f"dml preflight {rids[0]} checks inputs by their RIDs.")
    showing = list_configs or cfg is not None or info is not None
    composition = composed(
        words,
        config_dir=config_dir,
        config_name=config_name,
        multirun=multirun,
        timeout=timeout,
        python=python,
        others=not showing and not no_preflight,
        packages=not showing,
    )
    console = current().console
    if list_configs:
        listing = configs_document(composition)
        console.emit("run.list_configs", listing, lambda: render_configs(console, composition))
        if not composition.loaded:
            raise typer.Exit(2)
        return
    if showing or resume is not None:
        refuse_unloaded(composition)
    if showing:
        if cfg is not None:
            refuse_problems(composition, [job.problem for job in composition.jobs if not job.composed])
        raise typer.Exit(run.show(composition, _hydra_flags(cfg, info, resolve, package)))
    if resume is not None:
        if words or multirun:
            raise UsageError(
                "--resume takes no overrides or options that change the sweep", hint=f"dml run --resume {resume}"
            )
        context = context_of(composition, allow_dirty)
        outcome = run.resume(composition, context, resume)
    else:
        ask(composition, yes=yes, allow_dirty=allow_dirty, checked=not no_preflight)
        context = context_of(composition, allow_dirty)
        outcome = run.run(composition, context)
    console.emit("run", outcome_document(outcome), lambda: render_outcome(console, outcome, naming(context.target)))
    if not outcome.succeeded:
        raise typer.Exit(exit_code(outcome))


def ask(composition: Composition, *, yes: bool, allow_dirty: bool, checked: bool, notebook: Path | None = None) -> None:
    """Check and show what will run, and ask for confirmation.

    Args:
        composition: What was composed.
        yes: Whether to skip the confirmation.
        allow_dirty: Whether uncommitted changes are accepted.
        checked: Whether the checks are run.
        notebook: The notebook that will run, if one does.

    Raises:
        PreflightError: Something would fail.
        UsageError: The configuration does not compose, or there is no terminal to ask on.
        DmlError: The answer is no.
    """
    from dml.cli.app.prompts import confirm
    from dml.cli.experiment_options import default_target
    from dml.cli.preflight import opened
    from dml.cli.preflight_view import render
    from dml.errors import PreflightError, UsageError
    from dml.experiment.run import is_dry_run
    from dml.preflight.preflight import Options, preflight
    from dml.preflight.run_plan import plan_from_composition

    if checked:
        plan = plan_from_composition(
            composition, default_target=default_target(), allow_dirty=allow_dirty, notebook=notebook
        )
        report = preflight(opened(plan, Options()))
        render(current().console, report)
        if not report.passed:
            raise PreflightError("the preflight checks failed", hint="Fix the problems above, then run again.")
    refuse_problems(composition, [job.problem for job in composition.jobs])
    if composition.is_sweep and len(composition.jobs) < composition.job_count:
        raise UsageError(
            f"{len(composition.jobs):,} of the {composition.job_count:,} jobs were composed",
            hint="Allow more time with --timeout SECONDS, or run the sweep in parts of at most 1,000 jobs.",
        )
    if not is_dry_run(composition):
        jobs = f"{composition.job_count} jobs" if composition.is_sweep else "it"
        confirm(f"Run {jobs} now?", yes=yes)


def refuse_problems(composition: Composition, of_jobs: Sequence[ConfigProblem | None]) -> None:
    """Raise the first problem of a configuration that does not compose.

    Args:
        composition: Its problems count.
        of_jobs: The problems of its jobs that count; None where a job has none.

    Raises:
        UsageError: The first problem, with file and line.
    """
    from dml.errors import UsageError

    problems = [*composition.problems, *(problem for problem in of_jobs if problem is not None)]
    if problems:
        location = problems[0].location(composition.project)
        raise UsageError(
            f"{location}: {problems[0].message}" if location else problems[0].message, hint=problems[0].hint
        )


def refuse_unloaded(composition: Composition) -> None:
    """Raise the first problem of configuration modules that cannot be loaded, before the project's process meets it.

    Raises:
        UsageError: The first problem, with file and line.
    """
    if not composition.loaded:
        refuse_problems(composition, ())


def context_of(composition: Composition, allow_dirty: bool) -> RunContext:
    """Where the run works.

    Raises:
        UsageError: No catalog is named.
    """
    from dml.cli.experiment_options import default_target, workspace_of
    from dml.cli.run_status import run_display
    from dml.errors import UsageError
    from dml.experiment.run import RunContext
    from dml.preflight.run_plan import plan_from_composition

    plan = plan_from_composition(composition, default_target=default_target())
    workspace = workspace_of(plan.target, composition)
    if plan.target is None or workspace is None:
        raise UsageError(plan.target_problem or "no catalog selected", hint=plan.target_fix)
    cache = current().settings.get("cache_dir") if plan.target == default_target() else None
    return RunContext(plan.target, workspace.root, cache, allow_dirty, run_display(current()))


def _hydra_flags(cfg: str | None, info: str | None, resolve: bool, package: str | None) -> list[str]:
    flags = ["--cfg", cfg] if cfg is not None else []
    flags += ["--info", info] if info is not None else []
    flags += ["--resolve"] if resolve else []
    return flags + (["--package", package] if package is not None else [])
