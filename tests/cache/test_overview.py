"""``dml`` without arguments shows what the cache holds."""

from __future__ import annotations

from cli.runner import run
from dml.cache.index import Index
from dml.cache.layout import Cache
from dml.cache.warm_bag import warm_bag
from dml.catalog.connection import Catalog
from dml.dataset.spec import DatasetSpec
from dml.workspace.layout import Workspace

from .gallery import Gallery


def test_the_overview_has_a_line_for_the_cache(gallery: Gallery, catalog: Catalog, workspace: Workspace) -> None:
    options = ("--catalog", str(catalog.target), "--workspace", str(workspace.root))
    assert run(*options, "--json").json["cache"] is None
    with Index.writing(Cache.of(workspace)) as index:
        warm_bag(index, catalog, DatasetSpec(gallery.dataset), metadata_only=True)
    totals = run(*options, "--json").json["cache"]
    assert (totals["bags"], totals["incomplete"], totals["assets"]) == (1, 0, 0)
    shown = run(*options).stdout
    assert "in 1 dataset" in shown
    assert "dml cache list" in shown
