"""Fixtures of the experiment tests: projects for either library, and a catalog with inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dml.catalog.connection import Catalog
from dml.experiment.compose import compose
from dml.experiment.composition import ComposeRequest, Composition
from dml.experiment.project import find_project
from experiments import RetinaProject
from preflight.sample_catalog import SampleCatalog, make_sample_catalog
from targets import Place


@pytest.fixture(params=["dml", "deriva_ml"])
def project(request: pytest.FixtureRequest, make_project: Callable[..., RetinaProject]) -> RetinaProject:
    """The retina project, for either library."""
    return make_project(request.param)


@pytest.fixture
def compose_project() -> Callable[..., Composition]:
    """Composes a project: ``compose_project(project, "+experiment=x", multirun=True)``."""

    def run(project: RetinaProject, *overrides: str, timeout: float = 60.0, **request: object) -> Composition:
        located = find_project(directory=project.root)
        return compose(located, ComposeRequest(overrides=overrides, **request), timeout=timeout)  # type: ignore[arg-type]

    return run


@pytest.fixture
def sample(catalog: Catalog, domain: str, tmp_path: Path) -> SampleCatalog:
    """A catalog with inputs."""
    folder = tmp_path / "files"
    folder.mkdir()
    return make_sample_catalog(catalog, domain, folder)


@pytest.fixture
def retina(
    make_project: Callable[..., RetinaProject], sample: SampleCatalog, place: Place, monkeypatch: pytest.MonkeyPatch
) -> RetinaProject:
    """A project without problems on the test catalog, as the working directory."""
    project = make_project("dml", dataset=sample.dataset, asset=sample.asset)
    monkeypatch.chdir(project.root)
    return project
