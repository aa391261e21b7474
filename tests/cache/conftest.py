"""Fixtures for tests of the cache: a gallery of images in a catalog, and the cache of its workspace."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.session import CacheSession
from dml.catalog.connection import Catalog
from dml.dataset.bag_export import export_bag
from dml.dataset.lookup import resolve
from dml.workspace.layout import Workspace

from .gallery import Gallery, make_gallery


@pytest.fixture
def gallery(catalog: Catalog, domain: str, tmp_path: Path) -> Gallery:
    """Five images of 2,000 bytes."""
    return make_gallery(catalog, domain, tmp_path)


@pytest.fixture
def workspace(catalog: Catalog, tmp_path: Path) -> Workspace:
    """An empty workspace of the test's catalog."""
    return Workspace(tmp_path / "workspace", catalog.target)


@pytest.fixture
def cache(workspace: Workspace) -> Cache:
    """Its cache, which does not exist yet."""
    return Cache.of(workspace)


@pytest.fixture
def session(workspace: Workspace, cache: Cache) -> Iterator[CacheSession]:
    """The cache, open for writing."""
    with Index.writing(cache) as index:
        yield CacheSession(workspace, cache, index)


@pytest.fixture
def index(session: CacheSession) -> Index:
    """The index of the cache, open for writing."""
    return session.index


@pytest.fixture
def deriva_ml_bag(gallery: Gallery, cache: Cache) -> str:
    """The key of a bag as deriva-ml caches it: with a key of its own, and rows in its two tables only."""
    source = resolve(gallery.catalog, f"{gallery.dataset}@1.0.0")
    key = f"0123456789abcdef_{source.snapshot}"
    export_bag(gallery.catalog, source, cache.bag_directory(key, gallery.dataset))
    with closing(sqlite3.connect(cache.index_path)) as connection:
        connection.executescript(
            "CREATE TABLE schema_meta (version INTEGER PRIMARY KEY,"
            " recorded_at TEXT NOT NULL DEFAULT (datetime('now')));"
            "INSERT INTO schema_meta (version) VALUES (1);"
            "CREATE TABLE bags (checksum TEXT PRIMARY KEY, profile_id TEXT, built_at TEXT NOT NULL,"
            " anchor_summary_json TEXT, size_bytes INTEGER);"
            'CREATE TABLE bag_anchor_rids (checksum TEXT NOT NULL, "table" TEXT NOT NULL, rid TEXT NOT NULL,'
            ' PRIMARY KEY (checksum, "table", rid),'
            " FOREIGN KEY (checksum) REFERENCES bags (checksum) ON DELETE CASCADE);"
        )
        connection.execute(
            "INSERT INTO bags VALUES (?, NULL, '2026-05-01T10:00:00+00:00', '{\"version\": \"1.0.0\"}', 4321)", (key,)
        )
        connection.execute("INSERT INTO bag_anchor_rids VALUES (?, 'Dataset', ?)", (key, gallery.dataset))
        connection.commit()
    return key
