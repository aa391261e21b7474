"""Catalogs come and go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dml.catalog.administration import create_catalog, delete_catalog, list_embedded_catalogs
from dml.catalog.connection import connect
from dml.directories import data_directory
from dml.errors import NotFoundError, UsageError


def test_embedded_catalogs_are_made_listed_and_deleted() -> None:
    assert list_embedded_catalogs() == []
    assert not data_directory().exists()
    first, second = create_catalog("local"), create_catalog("local")
    assert list_embedded_catalogs() == [first, second]
    delete_catalog(first)
    assert list_embedded_catalogs() == [second]
    assert create_catalog("local").catalog_id != first.catalog_id
    with pytest.raises(NotFoundError):
        connect(first).schema()
    with pytest.raises(NotFoundError):
        delete_catalog(first)


def test_a_snapshot_is_not_deleted() -> None:
    target = create_catalog("local")
    with pytest.raises(UsageError):
        delete_catalog(replace(target, snapshot=connect(target).snaptime()))
    assert list_embedded_catalogs() == [target]


def test_they_are_listed_by_number() -> None:
    made = [create_catalog("local") for _ in range(11)]
    assert list_embedded_catalogs() == made
