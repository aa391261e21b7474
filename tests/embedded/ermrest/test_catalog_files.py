"""A new catalog never takes the place of a file that is there, whatever the registry of ids says."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from dml.embedded.application import Application
from dml.embedded.transport import WsgiAdapter

ROOT = "http://local/ermrest/catalog"


@pytest.fixture
def client(tmp_path: Path) -> requests.Session:
    """A client on the embedded service below ``tmp_path``, with one catalog that has a schema."""
    return client_on(tmp_path)


def client_on(root: Path) -> requests.Session:
    session = requests.Session()
    session.mount("http://local/", WsgiAdapter(Application(root)))
    return session


def create(session: requests.Session, **wanted: Any) -> requests.Response:
    return session.post(ROOT, json=wanted)


def filled(session: requests.Session, name: str = "lab") -> str:
    """A new catalog with a schema, so that a replaced one would be noticed."""
    number = str(create(session).json()["id"])
    assert session.post(f"{ROOT}/{number}/schema/{name}").status_code == 201
    return number


def has_schema(session: requests.Session, number: str, name: str = "lab") -> bool:
    return session.get(f"{ROOT}/{number}/schema/{name}").status_code == 200


@pytest.mark.parametrize("damage", ["removed", "emptied", "older"])
def test_a_lost_registry_of_ids_gives_out_no_id_that_a_file_has(tmp_path: Path, damage: str) -> None:
    registry = tmp_path / "ermrest" / "registry.sqlite"
    first = client_on(tmp_path)
    numbers = [filled(first)]
    older = registry.read_bytes()
    numbers += [filled(first), filled(first)]
    if damage == "removed":
        registry.unlink()
    else:
        registry.write_bytes(b"" if damage == "emptied" else older)
    again = client_on(tmp_path)
    assert filled(again) not in numbers
    assert all(has_schema(again, number) for number in numbers)


def test_the_id_of_a_file_cannot_be_asked_for(tmp_path: Path) -> None:
    first = client_on(tmp_path)
    number = filled(first)
    (tmp_path / "ermrest" / "registry.sqlite").unlink()
    again = client_on(tmp_path)
    assert create(again, id=number).status_code == 409
    assert has_schema(again, number)


def test_a_catalog_put_back_from_a_backup_is_found_and_kept(tmp_path: Path) -> None:
    source = client_on(tmp_path / "source")
    number = filled(source)
    elsewhere = tmp_path / "elsewhere" / "ermrest"
    elsewhere.mkdir(parents=True)
    with (
        closing(sqlite3.connect(tmp_path / "source" / "ermrest" / f"{number}.sqlite")) as original,
        closing(sqlite3.connect(elsewhere / "7.sqlite")) as backup,
    ):
        original.backup(backup)
    restored = client_on(tmp_path / "elsewhere")
    assert has_schema(restored, "7")
    assert int(create(restored).json()["id"]) > 7
    assert has_schema(restored, "7")


def test_a_log_that_outlived_its_catalog_is_not_given_to_a_new_one(tmp_path: Path, client: requests.Session) -> None:
    (tmp_path / "ermrest").mkdir()
    (tmp_path / "ermrest" / "1.sqlite-wal").write_bytes(b"rows of a catalog whose file was moved away")
    number = filled(client)
    assert number != "1"
    assert has_schema(client, number)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, client: requests.Session, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    taken = tmp_path / "ermrest" / "1.sqlite"
    link = os.link

    def appears(source: Path, destination: Path, **options: Any) -> None:
        taken.write_bytes(b"somebody else's catalog")
        if not links:
            raise OSError(errno.EPERM, "no hard links here")
        link(source, destination, **options)

    monkeypatch.setattr(os, "link", appears)
    assert create(client).status_code == 409
    assert taken.read_bytes() == b"somebody else's catalog"
    assert [path.name for path in taken.parent.iterdir() if path.name.startswith(".")] == []


def test_a_file_system_without_hard_links_takes_catalogs_too(
    tmp_path: Path, client: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuses)
    assert has_schema(client, filled(client))
