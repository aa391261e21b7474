"""What tests of the cache have: a gallery of images in a catalog, and the cache of its workspace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.catalog.connection import Catalog
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
def index(cache: Cache) -> Iterator[Index]:
    """The index of the cache, open for writing."""
    with Index.writing(cache) as opened:
        yield opened
