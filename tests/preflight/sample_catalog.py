"""A catalog with images, a dataset and an asset, for tests of the preflight and of runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dml.catalog.connection import Catalog
from dml.catalog.definitions import add_dataset_element_type, create_asset_table
from dml.catalog.objects import object_path, upload
from dml.catalog.rows import insert
from dml.dataset.curation import create_dataset

__all__ = ["SampleCatalog", "make_sample_catalog"]


@dataclass
class SampleCatalog:
    """A catalog with inputs.

    Attributes:
        catalog: A connection to the catalog.
        table: The asset table of images.
        images: RIDs of the images; all are members of the dataset.
        dataset: RID of a dataset with version 0.1.0.
        asset: RID of an asset in Execution_Asset.
        folder: Directory for the files of assets.
    """

    catalog: Catalog
    table: str
    images: list[str]
    dataset: str
    asset: str
    folder: Path

    def add_asset(
        self, name: str, content: bytes, table: str = "deriva-ml:Execution_Asset", *, send: bool = True
    ) -> str:
        """Insert an asset and return its RID; without ``send`` its file is not uploaded."""
        return add_assets(self.catalog, table, self.folder, [(name, content)], send=send)[0]

    def add_dataset(self, members: Sequence[str] = (), nested: Sequence[str] = (), **more: Any) -> str:
        """Create a dataset of images and nested datasets, and return its RID."""
        by_table = {self.table: list(members), "deriva-ml:Dataset": list(nested)}
        selected = {table: rids for table, rids in by_table.items() if rids}
        return create_dataset(self.catalog, description="Retina images", members=selected, **more).rid


def make_sample_catalog(catalog: Catalog, domain: str, folder: Path) -> SampleCatalog:
    """Create two images in a dataset, and a file of weights."""
    table = f"{domain}:Image"
    create_asset_table(catalog, table)
    add_dataset_element_type(catalog, table)
    images = add_assets(catalog, table, folder, [("one.png", b"one"), ("two.png", b"twotwo")])
    dataset = create_dataset(catalog, description="Retina training", members={table: images}).rid
    asset = add_assets(catalog, "deriva-ml:Execution_Asset", folder, [("weights.bin", b"w" * 1000)])[0]
    return SampleCatalog(catalog, table, images, dataset, asset, folder)


def add_assets(
    catalog: Catalog, table: str, folder: Path, files: Sequence[tuple[str, bytes]], *, send: bool = True
) -> list[str]:
    """Insert assets and upload their files; return their RIDs."""
    rows = []
    for name, content in files:
        path = folder / name
        path.write_bytes(content)
        md5 = hashlib.md5(content).hexdigest()
        url = object_path(table.rpartition(":")[2], md5, name)
        if send:
            upload(catalog, path, url, md5_hex=md5)
        rows.append({"URL": url, "Filename": name, "Length": len(content), "MD5": md5})
    return [str(row["RID"]) for row in insert(catalog, table, rows)]
