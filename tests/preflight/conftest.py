"""Fixtures of the preflight tests: a catalog with inputs, a project that uses them, and the checks on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dml.catalog.connection import Catalog, connect
from dml.experiment.compose import compose
from dml.experiment.composition import ComposeRequest
from dml.experiment.project import find_project
from dml.preflight.preflight import Options, build_context, preflight, select_groups
from dml.preflight.results import Report
from dml.preflight.run_plan import RunPlan, plan_from_composition
from dml.target import Target
from dml.workspace.layout import find_workspace
from experiments import RetinaProject
from targets import Place

from .sample_catalog import SampleCatalog, make_sample_catalog


@pytest.fixture
def sample(catalog: Catalog, domain: str, tmp_path: Path) -> SampleCatalog:
    """A catalog with inputs."""
    folder = tmp_path / "files"
    folder.mkdir()
    return make_sample_catalog(catalog, domain, folder)


@pytest.fixture
def clean_project(make_project: Callable[..., RetinaProject], sample: SampleCatalog, place: Place) -> RetinaProject:
    """A project without problems."""
    project = make_project("dml", dataset=sample.dataset, asset=sample.asset)
    if place.is_real:
        target = place.target
        project.edit(
            "src/configs/deriva.py",
            'hostname="local", catalog_id=1',
            f'hostname="{target.host}", catalog_id="{target.catalog_id}"',
        )
        project.commit()
    return project


@pytest.fixture
def run_checks(place: Place) -> Callable[..., Report]:
    """Checks a project: ``run_checks(project, "+experiment=x", only=["datasets"])``."""

    def run(
        project: RetinaProject,
        *overrides: str,
        only: tuple[str, ...] = (),
        skip: tuple[str, ...] = (),
        offline: bool = False,
        exact: bool = False,
        allow_dirty: bool = False,
        **compose_options: object,
    ) -> Report:
        request = ComposeRequest(overrides=overrides, others=True, packages=True, **compose_options)  # type: ignore[arg-type]
        composition = compose(find_project(directory=project.root), request)
        plan = plan_from_composition(composition, allow_dirty=allow_dirty)
        return run_preflight(plan, place, Options(offline, exact, select_groups(only, skip)))

    return run


def run_preflight(plan: RunPlan, place: Place, options: Options | None = None) -> Report:
    """The report on a plan, from a new connection."""
    target: Target | None = plan.target
    catalog = connect(target, credential=place.credential) if target else None
    workspace = find_workspace(target) if target else None
    context = build_context(plan, catalog, workspace, options=options)
    return preflight(context, options)


@pytest.fixture
def no_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without uv."""
    which = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, *rest, **more: None if name == "uv" else which(name, *rest, **more)
    )
