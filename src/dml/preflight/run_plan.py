"""The plan of a run: an experiment of a project, a configuration file, or inputs given on the command line.

Whatever its source, the checks see the same: inputs, workflow, description, target, and where the user's files mention
them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from dml.errors import DmlError
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.requested_inputs import RequestedAsset, RequestedDataset, RequestedFile, RequestedInputs
from dml.experiment.composition import Composition
from dml.experiment.inputs import assets_of, datasets_of
from dml.target import Target

T = TypeVar("T")

__all__ = ["RequestedWorkflow", "RunPlan", "plan_from_composition", "plan_from_configuration"]


@dataclass(frozen=True)
class RequestedWorkflow:
    """A workflow as the configuration describes it.

    Attributes:
        name: Name of the workflow; empty when there is none.
        types: Terms of ``Workflow_Type``.
        rid: RID of a registered workflow; None when none is given.
        url, checksum: URL and checksum of the code; None when they are not given.
        path: The file that runs; None when it is unknown.
    """

    name: str = ""
    types: tuple[str, ...] = ()
    rid: str | None = None
    url: str | None = None
    checksum: str | None = None
    path: Path | None = None


@dataclass(frozen=True)
class RunPlan:
    """A run to be checked.

    Attributes:
        name: Name of the run, for display.
        target: The catalog; None when none is chosen or its name is invalid.
        target_problem: What is wrong with the target, as a sentence; empty when nothing is.
        target_fix: How to solve that problem.
        datasets: The datasets of all jobs, without repeats.
        assets: The assets of all jobs, without repeats.
        unclassified: RIDs that are given without saying whether they are datasets or assets.
        files: Local files.
        workflow: The workflow of the first job; None when there is none.
        workflow_types: The workflow types of all jobs, without repeats.
        description: The description of the first job.
        composition: The composed configuration; None without a project.
        needs_workflow: Whether the run will create an execution, which needs a workflow.
        root: Directory of the code, for git; None when there is none.
        allow_dirty: Whether uncommitted changes are accepted.
        duplicates: Inputs that one job lists more than once, as (kind, RID).
    """

    name: str
    target: Target | None = None
    target_problem: str = ""
    target_fix: str = ""
    datasets: tuple[RequestedDataset, ...] = ()
    assets: tuple[RequestedAsset, ...] = ()
    unclassified: tuple[str, ...] = ()
    files: tuple[RequestedFile, ...] = ()
    workflow: RequestedWorkflow | None = None
    workflow_types: tuple[str, ...] = ()
    description: str = ""
    composition: Composition | None = None
    needs_workflow: bool = True
    root: Path | None = None
    allow_dirty: bool = False
    duplicates: tuple[tuple[str, str], ...] = ()

    @property
    def inputs(self) -> RequestedInputs:
        """The datasets, assets and other RIDs, and the RID of the workflow."""
        workflow_rid = self.workflow.rid if self.workflow else None
        return RequestedInputs(self.datasets, self.assets, self.unclassified, workflow_rid)

    def edit_hint(self, literal: str) -> str:
        """``edit src/configs/datasets.py:31``: where the configuration contains a literal; empty when it does not."""
        quoted = re.compile(rf"""["']{re.escape(literal)}(?=["'@:])""")
        for path, text in self._config_texts.items():
            match = quoted.search(text)
            if match and self.composition:
                line = text.count("\n", 0, match.start()) + 1
                return f"edit {self.composition.project.relative(path)}:{line}"
        return ""

    @cached_property
    def _config_texts(self) -> dict[Path, str]:
        """The configuration modules of the project that can be read, by path."""
        if self.composition is None:
            return {}
        texts = {}
        for path in sorted(self.composition.project.config_directory.rglob("*.py")):
            try:
                texts[path] = path.read_text(encoding="utf-8")
            except (OSError, ValueError):
                continue
        return texts


def plan_from_composition(
    composition: Composition,
    *,
    default_target: Target | None = None,
    allow_dirty: bool = False,
    notebook: Path | None = None,
) -> RunPlan:
    """The plan of a composed experiment.

    Args:
        composition: The composition, which may contain problems.
        default_target: The target when the configuration sets no host.
        allow_dirty: Whether uncommitted changes are accepted.
        notebook: The notebook that runs; the one with the configuration's name when None.
    """
    jobs = [job for job in composition.jobs if job.composed]
    first: Mapping[str, Any] = jobs[0].config if jobs else {}
    target, problem, fix = _target(first, default_target) if jobs else (None, "", "")
    datasets = [datasets_of(job.config.get("datasets")) for job in jobs]
    assets = [assets_of(job.config.get("assets")) for job in jobs]
    is_notebook = composition.request.config_name in composition.notebooks
    if is_notebook:
        workflow = _notebook_workflow(composition, notebook)
        types = [workflow.types] if workflow else []
    else:
        workflow = _workflow(first.get("workflow"), composition)
        types = [_types(job.config.get("workflow")) for job in jobs]
    rows = [[asset for asset in listed if isinstance(asset, RequestedAsset)] for listed in assets]
    duplicates = [
        *(("dataset", rid) for listed in datasets for rid in _repeated(dataset.rid for dataset in listed)),
        *(("asset", rid) for listed in rows for rid in _repeated(asset.rid for asset in listed)),
    ]
    return RunPlan(
        name=experiment_name(composition),
        target=target,
        target_problem=problem,
        target_fix=fix,
        datasets=_unique(chain.from_iterable(datasets)),
        assets=_unique(chain.from_iterable(rows)),
        files=_unique(asset for listed in assets for asset in listed if isinstance(asset, RequestedFile)),
        workflow=workflow,
        workflow_types=_unique(chain.from_iterable(types)),
        description=str(first.get("description") or ""),
        composition=composition,
        needs_workflow=not is_notebook,
        root=composition.project.root,
        allow_dirty=allow_dirty,
        duplicates=_unique(duplicates),
    )


def plan_from_configuration(
    configuration: ExecutionConfiguration,
    target: Target | None,
    *,
    name: str,
    unclassified: Iterable[str] = (),
    root: Path | None = None,
    needs_workflow: bool = True,
    allow_dirty: bool = False,
) -> RunPlan:
    """The plan of a configuration that does not come from Hydra.

    Args:
        configuration: The configuration.
        target: The catalog; None when none is chosen.
        name: Name of the run, for display.
        unclassified: Further RIDs, of datasets or assets.
        root: Directory of the code; None when there is none.
        needs_workflow: Whether the run will create an execution.
        allow_dirty: Whether uncommitted changes are accepted.
    """
    workflow = configuration.workflow
    requested = None
    if workflow is not None:
        requested = RequestedWorkflow(
            workflow.name,
            tuple(workflow.workflow_type),
            workflow.workflow_rid,
            workflow.url,
            workflow.checksum,
            workflow.path,
        )
    inputs = RequestedInputs.of(configuration, unclassified)
    return RunPlan(
        name=name,
        target=target,
        datasets=inputs.datasets,
        assets=inputs.assets,
        unclassified=inputs.unclassified,
        files=tuple(RequestedFile(file.path) for file in configuration.local_files),
        workflow=requested,
        workflow_types=requested.types if requested else (),
        description=configuration.description,
        needs_workflow=needs_workflow,
        root=root,
        allow_dirty=allow_dirty,
    )


def experiment_name(composition: Composition) -> str:
    """The name of the sweep, the experiment or the main configuration, whichever there is first."""
    if composition.sweep_name:
        return composition.sweep_name
    chosen = composition.jobs[0].choices.get("experiment") if composition.jobs else None
    overrides = dict(override.partition("=")[::2] for override in composition.request.overrides)
    return chosen or overrides.get("+experiment") or composition.request.config_name


def _target(config: Mapping[str, Any], default: Target | None) -> tuple[Target | None, str, str]:
    node = config.get("deriva_ml")
    if not isinstance(node, Mapping) or node.get("hostname") in (None, "", "???"):
        if default is not None:
            return default, "", ""
        return None, "the configuration sets no host, and no catalog is selected", "dml catalog use HOST/NUMBER"
    host, catalog = str(node["hostname"]), node.get("catalog_id")
    if catalog in (None, 0, "0", "", "???"):
        return (
            None,
            f"catalog_id {catalog} on {host} is a placeholder, not a catalog",
            "give --host and --catalog, choose deriva_ml=OPTION, or set catalog_id in the config group deriva_ml",
        )
    try:
        return Target.parse(f"{host}/{catalog}"), "", ""
    except DmlError as error:
        return None, error.message, error.hint


def _workflow(node: Any, composition: Composition) -> RequestedWorkflow | None:
    path = composition.function.file if composition.function else None
    if not isinstance(node, Mapping):
        return None
    return RequestedWorkflow(
        name=str(node.get("name") or ""),
        types=_types(node),
        rid=node.get("workflow_rid") or node.get("rid"),
        url=node.get("url"),
        checksum=node.get("checksum"),
        path=Path(node["path"]) if node.get("path") else path,
    )


def _notebook_workflow(composition: Composition, notebook: Path | None) -> RequestedWorkflow | None:
    """The workflow that a notebook registers for itself; None when its types cannot be read."""
    from dml.preflight.notebook_call import find_notebook, workflow_types_of

    path = notebook or find_notebook(composition.project.root, composition.request.config_name)
    types = workflow_types_of(path) if path is not None else None
    return None if path is None or types is None else RequestedWorkflow(path.stem, types, path=path)


def _types(node: Any) -> tuple[str, ...]:
    types = node.get("workflow_type") if isinstance(node, Mapping) else None
    if isinstance(types, str):
        return (types,)
    return tuple(map(str, types)) if isinstance(types, list) else ()


def _repeated(rids: Iterable[str]) -> list[str]:
    return [rid for rid, count in Counter(rids).items() if count > 1]


def _unique(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
