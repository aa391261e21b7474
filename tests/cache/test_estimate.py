"""Sizes before fetching: counted by the server, never below what the export brings, in a bounded number of requests."""

from __future__ import annotations

from pathlib import Path

from dml.cache.estimate import estimate
from dml.catalog.rows import insert
from dml.dataset.bag_export import export_bag
from dml.dataset.curation import create_dataset
from dml.dataset.lookup import resolve

from .gallery import Gallery


def test_the_estimate_is_what_the_export_brings(gallery: Gallery, tmp_path: Path) -> None:
    for spec in (gallery.dataset, f"{gallery.dataset}@1.0.0", gallery.plain):
        source = resolve(gallery.catalog, spec)
        report = export_bag(gallery.catalog, source, tmp_path / str(source))
        found = {one.table: one for one in estimate(gallery.catalog, source)}
        assert set(found) == set(report.rows)
        assert {table: found[table].rows for table in report.rows if found[table].exact} == {
            table: rows for table, rows in report.rows.items() if found[table].exact
        }
        assert all(found[table].rows >= rows for table, rows in report.rows.items())
        assert sum(one.asset_bytes for one in found.values()) == report.asset_bytes
        assert sum(one.rows for one in found.values() if one.is_asset) == report.assets


def test_nested_datasets_are_counted_and_shared_members_too(gallery: Gallery, tmp_path: Path) -> None:
    inner = create_dataset(gallery.catalog, description="Part", members={gallery.image_table: gallery.images[:2]}).rid
    outer = create_dataset(
        gallery.catalog, description="All", members={"deriva-ml:Dataset": [inner, gallery.dataset]}
    ).rid
    source = resolve(gallery.catalog, outer)
    report = export_bag(gallery.catalog, source, tmp_path / "bag")
    found = {one.table: one for one in estimate(gallery.catalog, source)}
    image = found[gallery.image_table]
    assert (image.rows, image.exact) == (5, False)
    assert image.asset_bytes == report.asset_bytes
    assert found["deriva-ml:Dataset"].rows >= 3


def test_requests_do_not_grow_with_rows(gallery: Gallery) -> None:
    source = resolve(gallery.catalog, gallery.plain)
    gallery.catalog.traffic.reset()
    estimate(gallery.catalog, source)
    few = gallery.catalog.traffic.requests
    rows = insert(gallery.catalog, f"{gallery.schema}:Subject", [{"Name": str(number)} for number in range(600)])
    members = {f"{gallery.schema}:Subject": [row["RID"] for row in rows]}
    source = resolve(gallery.catalog, create_dataset(gallery.catalog, description="Many", members=members).rid)
    gallery.catalog.traffic.reset()
    found = {one.table: one.rows for one in estimate(gallery.catalog, source)}
    assert found[f"{gallery.schema}:Subject"] == 600
    assert gallery.catalog.traffic.requests == few
