"""What is examined: an experiment of a project, a configuration file, or inputs named on the command line.

Whatever it came from, the checks see the same: inputs, workflow, description, target, and where the words stand in
the user's files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from dml.errors import DmlError
from dml.execution.configuration import ExecutionConfiguration, LocalFile
from dml.execution.requested_inputs import RequestedAsset, RequestedDataset, RequestedFile, RequestedInputs
from dml.experiment.composition import Composition, Job
from dml.experiment.inputs import assets_of, datasets_of
from dml.target import Target

T = TypeVar("T")

__all__ = ["RunPlan", "WantedWorkflow", "plan_of_composition", "plan_of_configuration"]


@dataclass(frozen=True)
class WantedWorkflow:
    """The workflow as the configuration names it.

    Attributes:
        name: Its name; empty when there is none.
        types: Terms of ``Workflow_Type``.
        rid: RID of a registered workflow, if one is named.
        url, checksum: Of the code, when they are given.
        path: The file that runs; None when it is not known.
    """

    name: str = ""
    types: tuple[str, ...] = ()
    rid: str | None = None
    url: str | None = None
    checksum: str | None = None
    path: Path | None = None


@dataclass(frozen=True)
class RunPlan:
    """What the checks look at.

    Attributes:
        name: What is run, for people.
        target: The catalog; None when none is named rightly.
        target_problem: What is wrong with the target, as a sentence; empty when nothing is.
        target_fix: What mends that.
        datasets: Every dataset that any job names, each once.
        assets: Every asset likewise.
        either: RIDs named without saying whether they are datasets or assets.
        files: Local files.
        workflow: The workflow of the first job.
        workflow_types: The types that any job names.
        description: What will be recorded, of the first job.
        composition: What was composed; None without a project.
        needs_workflow: Whether an execution is to be made of this, which needs a workflow.
        root: Directory of the code, to be looked at with git; None when there is none.
        allow_dirty: Whether uncommitted changes are accepted.
        duplicates: Inputs that one job names more than once: (kind, RID).
    """

    name: str
    target: Target | None = None
    target_problem: str = ""
    target_fix: str = ""
    datasets: tuple[RequestedDataset, ...] = ()
    assets: tuple[RequestedAsset, ...] = ()
    either: tuple[str, ...] = ()
    files: tuple[RequestedFile, ...] = ()
    workflow: WantedWorkflow | None = None
    workflow_types: tuple[str, ...] = ()
    description: str = ""
    composition: Composition | None = None
    needs_workflow: bool = True
    root: Path | None = None
    allow_dirty: bool = False
    duplicates: tuple[tuple[str, str], ...] = ()

    @property
    def inputs(self) -> RequestedInputs:
        """The inputs that it names, and the RID of its workflow."""
        return RequestedInputs(self.datasets, self.assets, self.either, self.workflow.rid if self.workflow else None)

    def place_of(self, literal: str) -> str:
        """``src/configs/datasets.py:31``, where the user's configuration writes a literal; empty when it does not."""
        quoted = re.compile(rf"""["']{re.escape(literal)}(?=["'@:])""")
        for path, text in self._texts.items():
            found = quoted.search(text)
            if found and self.composition:
                line = text.count("\n", 0, found.start()) + 1
                return f"{self.composition.project.shown(path)}:{line}"
        return ""

    @cached_property
    def _texts(self) -> dict[Path, str]:
        if self.composition is None:
            return {}
        texts = {}
        for path in sorted(self.composition.project.config_directory.rglob("*.py")):
            try:
                texts[path] = path.read_text(encoding="utf-8")
            except (OSError, ValueError):
                continue
        return texts


def plan_of_composition(
    composition: Composition,
    *,
    default_target: Target | None = None,
    allow_dirty: bool = False,
    notebook: Path | None = None,
) -> RunPlan:
    """What a composed experiment names.

    Args:
        composition: The experiment; it need not have composed.
        default_target: Used where the configuration names no host.
        allow_dirty: Whether uncommitted changes are accepted.
        notebook: The notebook that runs; that of the configuration's name when None.
    """
    jobs = [job for job in composition.jobs if job.composed]
    first: Mapping[str, Any] = jobs[0].config if jobs else {}
    target, problem, fix = _target(first, default_target) if jobs else (None, "", "")
    datasets = [datasets_of(job.config.get("datasets")) for job in jobs]
    assets = [assets_of(job.config.get("assets")) for job in jobs]
    is_notebook = composition.request.config_name in composition.notebooks
    if is_notebook:
        workflow = _notebooks_workflow(composition, notebook)
        types = [workflow.types] if workflow else []
    else:
        workflow = _workflow(first.get("workflow"), composition)
        types = [_types(job.config.get("workflow")) for job in jobs]
    duplicates = [
        *(("dataset", rid) for named in datasets for rid in _twice(one.rid for one in named)),
        *(("asset", rid) for named in assets for rid in _twice(a.rid for a in named if isinstance(a, RequestedAsset))),
    ]
    return RunPlan(
        name=experiment_name(composition),
        target=target,
        target_problem=problem,
        target_fix=fix,
        datasets=_once(one for named in datasets for one in named),
        assets=_once(one for named in assets for one in named if isinstance(one, RequestedAsset)),
        files=_once(one for named in assets for one in named if isinstance(one, RequestedFile)),
        workflow=workflow,
        workflow_types=_once(one for named in types for one in named),
        description=str(first.get("description") or ""),
        composition=composition,
        needs_workflow=not is_notebook,
        root=composition.project.root,
        allow_dirty=allow_dirty,
        duplicates=_once(duplicates),
    )


def plan_of_configuration(
    configuration: ExecutionConfiguration,
    target: Target | None,
    *,
    name: str,
    either: Iterable[str] = (),
    root: Path | None = None,
    needs_workflow: bool = True,
    allow_dirty: bool = False,
) -> RunPlan:
    """What a configuration without Hydra names."""
    workflow = configuration.workflow
    wanted = None
    if workflow is not None:
        wanted = WantedWorkflow(
            workflow.name,
            tuple(workflow.workflow_type),
            workflow.workflow_rid,
            workflow.url,
            workflow.checksum,
            workflow.path,
        )
    return RunPlan(
        name=name,
        target=target,
        datasets=tuple(
            RequestedDataset(
                one.rid, str(one.version) if one.version else None, one.materialize, tuple(sorted(one.exclude_tables))
            )
            for one in configuration.datasets
        ),
        assets=tuple(RequestedAsset(one.rid, one.cache) for one in configuration.asset_specs),
        either=tuple(either),
        files=tuple(RequestedFile(one.path) for one in configuration.assets if isinstance(one, LocalFile)),
        workflow=wanted,
        workflow_types=wanted.types if wanted else (),
        description=configuration.description,
        needs_workflow=needs_workflow,
        root=root,
        allow_dirty=allow_dirty,
    )


def experiment_name(composition: Composition) -> str:
    """What people call it: the sweep, the experiment, else the main configuration."""
    if composition.sweep_name:
        return composition.sweep_name
    jobs: tuple[Job, ...] = composition.jobs
    chosen = jobs[0].choices.get("experiment") if jobs else None
    asked = next((o.partition("=")[2] for o in composition.request.overrides if o.startswith("+experiment=")), None)
    return chosen or asked or composition.request.config_name


def _target(config: Mapping[str, Any], default: Target | None) -> tuple[Target | None, str, str]:
    node = config.get("deriva_ml")
    if not isinstance(node, Mapping) or node.get("hostname") in (None, "", "???"):
        if default is not None:
            return default, "", ""
        return None, "the configuration names no host, and no catalog selected", "dml catalog use HOST/NUMBER"
    host, catalog = str(node["hostname"]), node.get("catalog_id")
    if catalog in (None, 0, "0", "", "???"):
        return (
            None,
            f"catalog_id {catalog} on {host} is a placeholder, no catalog",
            "give --host and --catalog, choose deriva_ml=OPTION, or set catalog_id in the group deriva_ml",
        )
    try:
        return Target.parse(f"{host}/{catalog}"), "", ""
    except DmlError as error:
        return None, error.message, error.hint


def _workflow(node: Any, composition: Composition) -> WantedWorkflow | None:
    path = composition.function.file if composition.function else None
    if not isinstance(node, Mapping):
        return None
    return WantedWorkflow(
        name=str(node.get("name") or ""),
        types=_types(node),
        rid=node.get("workflow_rid") or node.get("rid"),
        url=node.get("url"),
        checksum=node.get("checksum"),
        path=Path(node["path"]) if node.get("path") else path,
    )


def _notebooks_workflow(composition: Composition, notebook: Path | None) -> WantedWorkflow | None:
    """The workflow that a notebook makes of itself; None when its types cannot be read."""
    from dml.preflight.notebook_call import notebook_named, workflow_types_of

    path = notebook or notebook_named(composition.project.root, composition.request.config_name)
    types = workflow_types_of(path) if path is not None else None
    return None if path is None or types is None else WantedWorkflow(path.stem, types, path=path)


def _types(node: Any) -> tuple[str, ...]:
    types = node.get("workflow_type") if isinstance(node, Mapping) else None
    if isinstance(types, str):
        return (types,)
    return tuple(map(str, types)) if isinstance(types, list) else ()


def _twice(rids: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    twice = []
    for rid in rids:
        if rid in seen:
            twice.append(rid)
        seen.add(rid)
    return twice


def _once(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
