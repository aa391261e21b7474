"""Fixtures of the preflight tests: a world of inputs, a good project that uses it, and the checks on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dml.catalog.connection import Catalog, connect
from dml.experiment.composition import ComposeRequest, compose
from dml.experiment.project import find_project
from dml.preflight.preflight import Options, build_context, preflight, select_groups
from dml.preflight.results import Report
from dml.preflight.run_plan import RunPlan, plan_from_composition
from dml.target import Target
from dml.workspace import layout
from experiments import RetinaProject
from targets import Place

from .world import World, make_world


@pytest.fixture
def world(catalog: Catalog, domain: str, tmp_path: Path) -> World:
    """A catalog with inputs."""
    folder = tmp_path / "files"
    folder.mkdir()
    return make_world(catalog, domain, folder)


@pytest.fixture
def good(make_project: Callable[..., RetinaProject], world: World, place: Place) -> RetinaProject:
    """A project in which nothing is wrong."""
    project = make_project("dml", dataset=world.dataset, asset=world.asset)
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
def checked(place: Place) -> Callable[..., Report]:
    """Preflights a project: ``checked(project, "+experiment=x", only=["datasets"])``."""

    def run(
        project: RetinaProject,
        *overrides: str,
        only: tuple[str, ...] = (),
        skip: tuple[str, ...] = (),
        offline: bool = False,
        exact: bool = False,
        allow_dirty: bool = False,
        **request: object,
    ) -> Report:
        found = find_project(directory=project.root)
        wanted = ComposeRequest(overrides=overrides, others=True, packages=True, **request)  # type: ignore[arg-type]
        subject = plan_from_composition(compose(found, wanted), allow_dirty=allow_dirty)
        return examined(subject, place, Options(offline, exact, select_groups(only, skip)))

    return run


def examined(subject: RunPlan, place: Place, options: Options | None = None) -> Report:
    """The checks of a subject, with a connection of their own."""
    target: Target | None = subject.target
    catalog = connect(target, credential=place.credential) if target else None
    workspace = layout.find(target) if target else None
    look = build_context(subject, catalog, workspace, options=options)
    return preflight(look, options)


@pytest.fixture
def without_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has no uv."""
    which = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, *rest, **more: None if name == "uv" else which(name, *rest, **more)
    )
