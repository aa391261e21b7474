"""Estimated sizes never fall below what an export contains, and take a bounded number of requests."""

from __future__ import annotations

from pathlib import Path

from dml.cache.estimate import estimate
from dml.catalog.rows import insert
from dml.dataset.bag_export import export_bag
from dml.dataset.curation import create_dataset
from dml.dataset.lookup import resolve

from .gallery import Gallery


def test_the_estimate_agrees_with_the_export(gallery: Gallery, tmp_path: Path) -> None:
    for spec in (gallery.dataset, f"{gallery.dataset}@1.0.0", gallery.plain):
        source = resolve(gallery.catalog, spec)
        report = export_bag(gallery.catalog, source, tmp_path / str(source))
        result = estimate(gallery.catalog, source)
        tables = {table.table: table for table in result.tables}
        assert set(tables) == set(report.rows)
        exact = {name for name, table in tables.items() if table.exact}
        assert {name: tables[name].rows for name in exact} == {name: report.rows[name] for name in exact}
        assert all(tables[name].rows >= rows for name, rows in report.rows.items())
        assert (result.asset_bytes, result.assets) == (report.asset_bytes, report.assets)


def test_nested_datasets_and_shared_members_are_counted(gallery: Gallery, tmp_path: Path) -> None:
    inner = create_dataset(gallery.catalog, description="Part", members={gallery.image_table: gallery.images[:2]}).rid
    outer = create_dataset(
        gallery.catalog, description="All", members={"deriva-ml:Dataset": [inner, gallery.dataset]}
    ).rid
    source = resolve(gallery.catalog, outer)
    report = export_bag(gallery.catalog, source, tmp_path / "bag")
    tables = {table.table: table for table in estimate(gallery.catalog, source).tables}
    image = tables[gallery.image_table]
    assert (image.rows, image.exact) == (5, False)
    assert image.asset_bytes == report.asset_bytes
    assert tables["deriva-ml:Dataset"].rows >= 3


def test_the_number_of_requests_does_not_depend_on_rows(gallery: Gallery) -> None:
    source = resolve(gallery.catalog, gallery.plain)
    gallery.catalog.traffic.reset()
    estimate(gallery.catalog, source)
    few = gallery.catalog.traffic.requests
    rows = insert(gallery.catalog, f"{gallery.schema}:Subject", [{"Name": str(number)} for number in range(600)])
    members = {f"{gallery.schema}:Subject": [row["RID"] for row in rows]}
    source = resolve(gallery.catalog, create_dataset(gallery.catalog, description="Many", members=members).rid)
    gallery.catalog.traffic.reset()
    counts = {table.table: table.rows for table in estimate(gallery.catalog, source).tables}
    assert counts[f"{gallery.schema}:Subject"] == 600
    assert gallery.catalog.traffic.requests == few
