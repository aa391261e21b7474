"""``dml preflight``: check an experiment before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from dml.cli.app.framework import command, current, single
from dml.cli.exec._options import Datasets
from dml.cli.experiment_options import (
    DEFAULT_CONFIG_NAME,
    DEFAULT_TIMEOUT,
    AllowDirty,
    ConfigDir,
    ConfigName,
    Multirun,
    Overrides,
    Python,
    Timeout,
)

if TYPE_CHECKING:
    from dml.preflight.check_context import CheckContext
    from dml.preflight.preflight import Options
    from dml.preflight.run_plan import RunPlan

app = single("preflight")

Only = Annotated[
    list[str] | None, Option("--only", metavar="GROUP", help="Run only this group of checks; may be repeated.")
]
Skip = Annotated[
    list[str] | None, Option("--skip", metavar="GROUP", help="Skip this group of checks; may be repeated.")
]


@command(
    app,
    "preflight",
    examples=[
        ("dml preflight +experiment=cifar10_quick", "An experiment of the current project."),
        ("dml preflight +multirun=lr_sweep --offline", "All jobs of a sweep, without contacting the catalog."),
        ("dml preflight --config run.yaml", "A configuration file."),
        ("dml preflight 1-ABC@1.4.0 2-GHI", "Inputs by their RIDs."),
        ("dml preflight +experiment=cifar10_quick --fix", "Then download missing inputs into the cache."),
    ],
)
def preflight(
    overrides: Overrides = None,
    config_dir: ConfigDir = None,
    config_name: ConfigName = DEFAULT_CONFIG_NAME,
    multirun: Multirun = False,
    config: Annotated[
        Path | None, Option("--config", metavar="FILE", help="A configuration in JSON or YAML, instead of a project.")
    ] = None,
    dataset: Datasets = None,
    asset: Annotated[
        list[str] | None, Option("--asset", metavar="RID", help="An input asset; may be repeated.")
    ] = None,
    only: Only = None,
    skip: Skip = None,
    offline: Annotated[bool, Option("--offline", help="Do not contact a server.")] = False,
    exact: Annotated[bool, Option("--exact", help="Read exact sizes at the datasets' snapshots; slower.")] = False,
    mend: Annotated[bool, Option("--fix", help="Download missing inputs into the cache.")] = False,
    allow_dirty: AllowDirty = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    python: Python = None,
) -> None:
    """Check an experiment before it runs; writes nothing and runs every check even when others fail.

    Checks the configuration, the catalog, the version and size of every input, vocabulary, cache and disk, the code in
    git and the environment. Exits 8 when a check fails.
    """
    from dml.cli.experiment_options import composed, default_target, sort_words
    from dml.cli.preflight_view import document, render
    from dml.errors import UsageError
    from dml.preflight.fix import fix
    from dml.preflight.preflight import Options, select_groups
    from dml.preflight.preflight import preflight as run
    from dml.preflight.run_plan import plan_from_composition

    options = Options(offline=offline, exact=exact, groups=select_groups(only or (), skip or ()))
    words, direct = sort_words(overrides or [])
    if config is not None or direct or dataset or asset:
        if words or multirun:
            raise UsageError("overrides and RIDs of inputs cannot be combined")
        plan = _direct(config, direct, dataset or [], asset or [], allow_dirty)
    else:
        composition = composed(
            words,
            config_dir=config_dir,
            config_name=config_name,
            multirun=multirun,
            timeout=timeout,
            python=python,
            others=True,
        )
        plan = plan_from_composition(composition, default_target=default_target(), allow_dirty=allow_dirty)
    context = opened(plan, options)
    report = run(context, options)
    mended: list[str] = []
    invocation = current()
    if mend and not offline:
        with invocation.showing() as progress:
            mended = fix(context, progress=progress)
        if mended:
            context = opened(plan, options)
            report = run(context, options)
    invocation.console.emit("preflight", document(report, mended), lambda: render(invocation.console, report, mended))
    if not report.passed:
        raise typer.Exit(8)


def opened(plan: RunPlan, options: Options) -> CheckContext:
    """The context of the checks of a plan: its catalog, workspace and cache."""
    from dml.cli.app.open_catalog import open_catalog
    from dml.cli.experiment_options import default_target, workspace_of
    from dml.preflight.preflight import build_context

    catalog = open_catalog(plan.target) if plan.target is not None and not options.offline else None
    workspace = workspace_of(plan.target, plan.composition)
    cache = current().settings.get("cache_dir") if plan.target == default_target() else None
    return build_context(plan, catalog, workspace, cache=cache, options=options)


def _direct(config: Path | None, rids: list[str], datasets: list[str], assets: list[str], allow_dirty: bool) -> RunPlan:
    from dml.cli.experiment_options import default_target
    from dml.dataset.spec import DatasetSpec
    from dml.execution.configuration import AssetSpec, ExecutionConfiguration, load_configuration
    from dml.preflight.run_plan import plan_from_configuration

    base = load_configuration(config) if config is not None else ExecutionConfiguration()
    named = [DatasetSpec.parse(spec) for spec in [*datasets, *(rid for rid in rids if "@" in rid)]]
    configuration = ExecutionConfiguration(
        workflow=base.workflow,
        description=base.description,
        datasets=[*base.datasets, *named],
        assets=[*base.assets, *(AssetSpec.parse(spec) for spec in assets)],
    )
    return plan_from_configuration(
        configuration,
        default_target(),
        name=str(config) if config is not None else "inputs",
        unclassified=[rid for rid in rids if "@" not in rid],
        needs_workflow=config is not None,
        allow_dirty=allow_dirty,
    )
