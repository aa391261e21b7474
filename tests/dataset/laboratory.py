"""A catalog for tests of datasets: subjects at two sites, with a feature, that can be members of datasets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dml.catalog.connection import Catalog
from dml.catalog.rows import select

__all__ = ["Laboratory", "writes"]


@dataclass(frozen=True)
class Laboratory:
    """Subjects of a catalog.

    Attributes:
        catalog: A connection to the test's catalog.
        table: The element table, ``schema:Subject``.
        subjects: RIDs of its rows.
        classes: The site of each subject, which the feature records as well.
        feature: Name of the feature.
    """

    catalog: Catalog
    table: str
    subjects: list[str]
    classes: dict[str, str]
    feature: str

    def datasets(self) -> set[str]:
        """RIDs of the datasets that hold subjects of this test, and of those that hold such datasets."""
        association = self.catalog.schema().element_tables()[self.table].association.qualified_name
        holders = {str(row["Dataset"]) for row in select(self.catalog, association, columns=["Dataset"])}
        nested = "deriva-ml:Dataset_Dataset"
        above = select(self.catalog, nested, where={"Nested_Dataset": holders}, columns=["Dataset"]) if holders else []
        return holders | {str(row["Dataset"]) for row in above}


@contextmanager
def writes(catalog: Catalog) -> Iterator[list[tuple[str, str]]]:
    """Collects method and path of every request in the block that is not a read."""
    catalog.traffic.reset()
    written: list[tuple[str, str]] = []
    yield written
    written += [(entry[0], entry[1]) for entry in catalog.traffic.log if entry[0] not in ("GET", "HEAD")]
