"""Fixtures of the experiment tests: a project for each of the two libraries."""

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
    """The retina project, once for either library."""
    return make_project(request.param)


@pytest.fixture
def composed() -> Callable[..., Composition]:
    """Composes a project: ``composed(project, "+experiment=x", multirun=True)``."""

    def run(project: RetinaProject, *overrides: str, timeout: float = 60.0, **request: object) -> Composition:
        found = find_project(directory=project.root)
        return compose(found, ComposeRequest(overrides=overrides, **request), timeout=timeout)  # type: ignore[arg-type]

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
    """A good project on the test's catalog, entered."""
    project = make_project("dml", dataset=sample.dataset, asset=sample.asset)
    monkeypatch.chdir(project.root)
    return project
