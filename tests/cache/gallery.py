"""A catalog for tests of the cache: images in the object store, in a dataset with two released versions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dml.catalog.connection import Catalog
from dml.catalog.definitions import ColumnDefinition, add_dataset_element_type, create_asset_table, create_table
from dml.catalog.objects import object_path, upload
from dml.catalog.rows import insert
from dml.dataset.curation import create_dataset
from dml.dataset.members import add_members
from dml.dataset.releases import release

__all__ = ["Gallery", "contents", "make_gallery", "objects_fetched"]


@dataclass(frozen=True)
class Gallery:
    """Images and datasets of a catalog.

    Attributes:
        catalog: A connection to the test's catalog.
        schema: The domain schema with the tables Image and Subject.
        images: RIDs of the images, each with different content.
        dataset: A dataset; version 1.0.0 holds all images but the last, 1.1.0 all.
        plain: A dataset of subjects, which have no files.
        content: The bytes of each image, by RID.
    """

    catalog: Catalog
    schema: str
    images: list[str]
    dataset: str
    plain: str
    content: dict[str, bytes]

    @property
    def image_table(self) -> str:
        return f"{self.schema}:Image"


def make_gallery(catalog: Catalog, schema: str, folder: Path, *, count: int = 5, size: int = 2000) -> Gallery:
    """Create images of ``size`` bytes and their dataset."""
    image, subject = f"{schema}:Image", f"{schema}:Subject"
    create_asset_table(catalog, image)
    create_table(catalog, subject, [ColumnDefinition("Name", "text")])
    add_dataset_element_type(catalog, image)
    add_dataset_element_type(catalog, subject)
    rows, contents_of = [], []
    for number in range(count):
        content = hashlib.shake_256(f"{schema} {number}".encode()).digest(size)
        path = folder / f"image {number}.png"
        path.write_bytes(content)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        url = object_path("Image", md5, path.name)
        upload(catalog, path, url, md5_hex=md5)
        rows.append({"URL": url, "Filename": path.name, "Length": size, "MD5": md5})
        contents_of.append(content)
    images = [row["RID"] for row in insert(catalog, image, rows)]
    dataset = create_dataset(catalog, description="Images", members={image: images[:-1]}, version="1.0.0").rid
    add_members(catalog, dataset, {image: images[-1:]})
    release(catalog, dataset)
    subjects = [row["RID"] for row in insert(catalog, subject, [{"Name": "one"}, {"Name": "two"}])]
    plain = create_dataset(catalog, description="Subjects", members={subject: subjects}, version="1.0.0").rid
    return Gallery(catalog, schema, images, dataset, plain, dict(zip(images, contents_of, strict=True)))


def contents(bag: Path) -> dict[str, bytes]:
    """The content of a bag's images by RID."""
    return {path.parent.name: path.read_bytes() for path in sorted((bag / "data" / "asset").rglob("*.png"))}


def objects_fetched(catalog: Catalog) -> list[str]:
    """Paths of the objects that were requested since the traffic log was last reset."""
    return [path for method, path, _ in catalog.traffic.log if method == "GET" and "/hatrac/" in path]
