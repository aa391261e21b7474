"""The project in the current directory, for the dashboard: what can be run, and the checks before it.

Composition runs in the project's own interpreter and the checks ask the catalog: call both in a thread. Only reads.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.experiment.composition import Composition
    from dml.preflight.preflight import ResultCallback
    from dml.preflight.results import Report, Result
    from dml.target import Target
    from dml.workspace.layout import Workspace


@dataclass(frozen=True)
class ProjectExperiment:
    """Something that can be run.

    Attributes:
        name: As the project calls it.
        kind: ``experiment``, ``sweep``, or ``main`` for the main configuration as it stands.
        words: What is typed after ``dml run``.
        about: The description of a sweep.
    """

    name: str
    kind: str
    words: tuple[str, ...] = ()
    about: str = ""

    @property
    def typed(self) -> str:
        """Its words as one types them; empty for the main configuration."""
        return shlex.join(self.words)


@dataclass(frozen=True)
class ProjectState:
    """What there is to run.

    Attributes:
        root: The project's directory; None when there is no project.
        experiments: What can be run; the main configuration last.
        problems: What is wrong with its configuration modules.
        missing: Why there is nothing, and what to do; empty when there is a project.
    """

    root: Path | None = None
    experiments: tuple[ProjectExperiment, ...] = ()
    problems: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class CheckState:
    """How far the checks of an experiment are.

    Attributes:
        experiment: Which.
        groups: The results that came in, by group.
        report: All of it, once it is over.
        problem: Why the checks could not be made.
        is_running: Whether more is to come.
    """

    experiment: ProjectExperiment
    groups: Mapping[str, Sequence[Result]] = field(default_factory=dict)
    report: Report | None = None
    problem: str = ""
    is_running: bool = False

    @property
    def results(self) -> list[Result]:
        """The results that came in."""
        return [one for results in self.groups.values() for one in results]

    @property
    def fixes(self) -> list[str]:
        """The commands that fix the failed checks, each once."""
        return list(dict.fromkeys(one.fix for one in self.results if one.fix))

    @property
    def inputs(self) -> list[str]:
        """RIDs of the inputs, once they are known."""
        if self.report is None:
            return []
        named = [*self.report.summary.datasets, *self.report.summary.assets]
        return list(dict.fromkeys(name.partition("@")[0] for name in named))


class ProjectReader(Protocol):
    """What the screen needs; tests hand in their own. Both are called in threads."""

    def read(self) -> ProjectState:
        """What there is to run."""

    def check(self, experiment: ProjectExperiment, on_result: ResultCallback) -> tuple[ProjectState, Report]:
        """Check an experiment, telling each group as it ends."""


class LiveProjectReader:
    """The project of one directory.

    Args:
        target: The catalog where a configuration names none.
        workspace: The workspace's directory of that catalog.
        connect: Opens a catalog.
        cache: Directory of the cache of that catalog; None for the workspace's own.
        directory: Where to look for the project; the working directory when None.
    """

    def __init__(
        self,
        target: Target,
        workspace: Path,
        connect: Callable[[Target], Catalog],
        cache: Path | None = None,
        directory: Path | None = None,
    ) -> None:
        self._target = target
        self._workspace = workspace
        self._connect = connect
        self._cache = cache
        self._directory = directory or Path.cwd()

    def read(self) -> ProjectState:
        """What there is to run; a directory without a project is no error.

        Raises:
            DmlError: The project's interpreter cannot be started.
        """
        from dml.experiment.project import has_project

        if not has_project(self._directory):
            where = safe(self._directory)
            return ProjectState(
                missing=f"No project here: there is no src/configs in {where} or above.\n"
                "`dml init` makes one; then F5 reads again. The dashboard looks where it was started."
            )
        return _state_of(self._composed(()))

    def check(self, experiment: ProjectExperiment, on_result: ResultCallback) -> tuple[ProjectState, Report]:
        """Check an experiment as ``dml preflight`` does.

        Raises:
            DmlError: There is no project any more, or its interpreter or the catalog's credential cannot be used.
        """
        from dml.preflight.preflight import build_context, preflight
        from dml.preflight.run_plan import plan_from_composition

        composition = self._composed(experiment.words, others=True, packages=True)
        plan = plan_from_composition(composition, default_target=self._target)
        catalog = self._connect(plan.target) if plan.target is not None else None
        is_ours = plan.target == self._target
        context = build_context(
            plan,
            catalog,
            self._workspace_of(plan.target, composition),
            cache=self._cache if is_ours else None,
        )
        return _state_of(composition), preflight(context, on_result=on_result)

    def _composed(self, words: tuple[str, ...], *, others: bool = False, packages: bool = False) -> Composition:
        from dml.experiment.compose import compose
        from dml.experiment.composition import ComposeRequest
        from dml.experiment.project import find_project

        project = find_project(directory=self._directory)
        return compose(project, ComposeRequest(overrides=words, others=others, packages=packages))

    def _workspace_of(self, target: Target | None, composition: Composition) -> Workspace | None:
        """Where the run works: what the configuration says, this workspace for this catalog, else the default."""
        from dml.workspace.layout import find_workspace

        if target is None:
            return None
        node = next((config.get("deriva_ml") for config in composition.configs), None)
        chosen = node.get("working_dir") if isinstance(node, Mapping) else None
        return find_workspace(target, chosen or (self._workspace if target == self._target else None))


def _state_of(composition: Composition) -> ProjectState:
    experiments = [
        ProjectExperiment(name, "experiment", (f"+experiment={name}",))
        for name in composition.groups.get("experiment", ())
    ]
    experiments += [
        ProjectExperiment(name, "sweep", (f"+multirun={name}",), composition.multirun_descriptions.get(name, ""))
        for name in composition.multiruns
    ]
    main = composition.request.config_name
    if main in composition.groups.get("", ()):
        experiments.append(ProjectExperiment(main, "main", about="the main configuration as it stands"))
    problems = []
    for problem in composition.problems:
        if problem.stage in ("import", "setup", "worker"):
            place = problem.location(composition.project)
            problems.append(f"{place}: {problem.message}" if place else problem.message)
    return ProjectState(composition.project.root, tuple(experiments), tuple(problems))
