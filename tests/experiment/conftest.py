"""Fixtures of the experiment tests: a project for each of the two libraries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dml.experiment.composition import ComposeRequest, Composition, compose
from dml.experiment.project import find_project
from experiments import RetinaProject


@pytest.fixture(params=["dml", "deriva_ml"])
def project(request: pytest.FixtureRequest, make_project: Callable[..., RetinaProject]) -> RetinaProject:
    """The retina project, once for either library."""
    return make_project(request.param)


@pytest.fixture
def composed() -> Callable[..., Composition]:
    """Composes a project: ``composed(project, "+experiment=x", multirun=True)``."""

    def run(project: RetinaProject, *overrides: str, timeout: float = 60.0, **request: object) -> Composition:
        found = find_project(directory=project.root)
        return compose(found, ComposeRequest(overrides=overrides, **request), timeout=timeout)  # type: ignore[arg-type]

    return run
