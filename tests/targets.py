"""Fixtures that give a test a catalog to work on: an embedded one of its own, or a real server's.

A pytest plugin. ``DML_TEST_TARGET=https://host/ermrest/catalog/N`` with ``DML_TEST_COOKIE=webauthn=…`` runs
the same tests on that catalog; tests therefore take names from ``unique`` and assume nothing about other
rows. Otherwise one catalog is made a session and its files are copied for each test.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from dml.catalog.administration import create_catalog
from dml.catalog.connection import Catalog, connect
from dml.catalog.definitions import create_schema
from dml.catalog.ml_schema import initialise
from dml.directories import embedded_directory
from dml.embedded.application import open_application
from dml.embedded.serve import running
from dml.target import Target


def pytest_configure() -> None:
    """Allow as many open files as the system does: the catalog of each test keeps its own while pytest runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16_384 if hard == resource.RLIM_INFINITY else min(hard, 16_384)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@dataclass(frozen=True)
class Place:
    """Where tests find their catalog.

    Attributes:
        target: The catalog.
        credential: What it wants to see; None for the embedded one.
    """

    target: Target
    credential: Mapping[str, str] | None

    @property
    def is_real(self) -> bool:
        """Whether it is a server's, shared with others and kept between runs."""
        return not self.target.is_embedded


def real_place() -> Place | None:
    """The catalog that the environment names, if it names one."""
    url = os.environ.get("DML_TEST_TARGET")
    if not url:
        return None
    cookie = os.environ.get("DML_TEST_COOKIE")
    return Place(Target.parse(url), {"cookie": cookie} if cookie else None)


def sign_in(place: Place, home: Path) -> None:
    """Keep the credential of a server as signing in does, for commands and for connections that are given none."""
    if place.credential:
        kept = home / ".deriva" / "credential.json"
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps({place.target.host: dict(place.credential)}), encoding="utf-8")


@pytest.fixture(scope="session")
def embedded_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of embedded catalogs, closed, with one initialised catalog ``1`` in it."""
    data = tmp_path_factory.mktemp("made")
    patch = pytest.MonkeyPatch()
    try:
        patch.setenv("XDG_DATA_HOME", str(data))
        patch.setenv("XDG_CACHE_HOME", str(data / "cache"))
        target = create_catalog("local")
        assert target.catalog_id == "1"
        initialise(connect(target))
        made = embedded_directory()
    finally:
        patch.undo()
    template = tmp_path_factory.mktemp("template") / "catalogs"
    _copy_closed(made, template)
    return template


def _copy_closed(source: Path, destination: Path) -> None:
    """Copy a directory of catalogs whose databases may be open: those by SQLite's own backup, as one file each."""
    for path in sorted(source.rglob("*")):
        copy = destination / path.relative_to(source)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        elif path.name.endswith(("-wal", "-shm")):
            continue
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as file:
                is_database = file.read(16) == b"SQLite format 3\x00"
            if not is_database:
                shutil.copy2(path, copy)
                continue
            with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(copy)) as new:
                old.backup(new)


@pytest.fixture
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TextIO]:
    """A file that every test holds, shared with the other processes of this run; on a server only.

    Who drops a domain locks it alone (``fcntl.flock``): others read all tables of the catalog, and would
    see some of them vanish between two requests.
    """
    with (tmp_path_factory.getbasetemp().parent / "turn.lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield file


@pytest.fixture
def place(home: Path, request: pytest.FixtureRequest) -> Place:
    """The catalog of this test, initialised; the embedded one is the test's own."""
    real = real_place()
    if real is not None:
        request.getfixturevalue("turn")
        sign_in(real, home)
        return real
    template = request.getfixturevalue("embedded_template")
    shutil.copytree(template, embedded_directory())
    return Place(Target("local", "1"), None)


@pytest.fixture
def catalog(place: Place) -> Catalog:
    """A connection to a catalog with the ``deriva-ml`` schema."""
    connection = connect(place.target, credential=place.credential)
    if place.is_real:
        initialise(connection)
    return connection


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Makes names that no other run has used: ``unique("Image")`` gives ``Image_3f9a…``."""
    return lambda word: f"{word}_{uuid.uuid4().hex[:10]}"


@pytest.fixture
def domain(catalog: Catalog, unique: Callable[[str], str], request: pytest.FixtureRequest) -> Iterator[str]:
    """A domain schema of this test; on a server it is dropped afterwards."""
    name = unique("domain")
    create_schema(catalog, name, comment="made by a test")
    yield name
    if not catalog.target.is_embedded:
        fcntl.flock(request.getfixturevalue("turn"), fcntl.LOCK_EX)
        for _ in range(20):  # tables that others refer to go last
            tables = [table for table in catalog.refresh_schema().tables.values() if table.schema == name]
            if not tables:
                break
            for table in tables:
                catalog.exchange("DELETE", f"/schema/{name}/table/{table.name}", accept=(404, 409))
        catalog.delete(f"/schema/{name}")


@pytest.fixture
def loopback_catalog(place: Place) -> Iterator[Catalog]:
    """The catalog of this test over HTTP: on loopback for the embedded one, else the server itself."""
    if place.is_real:
        yield connect(place.target, credential=place.credential)
        return
    with running(open_application()) as url:
        host = url.partition("://")[2].rstrip("/")
        yield connect(Target(host, place.target.catalog_id), scheme="http")
