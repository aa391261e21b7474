"""Fixtures for tests of datasets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dml.catalog.connection import Catalog
from dml.catalog.definitions import (
    ColumnDefinition,
    add_dataset_element_type,
    create_feature,
    create_table,
    create_vocabulary,
)
from dml.catalog.rows import insert, select
from dml.catalog.vocabulary import add_terms

from .laboratory import Laboratory

SITES = ("north", "south")


@pytest.fixture
def laboratory(catalog: Catalog, domain: str, unique: Callable[[str], str]) -> Laboratory:
    """Thirty subjects at two sites, which a column and a feature record."""
    table, sites, feature = f"{domain}:Subject", f"{domain}:Site_Name", unique("Origin")
    create_table(catalog, table, [ColumnDefinition("Name", "text"), ColumnDefinition("Site", "text")])
    create_vocabulary(catalog, sites)
    add_terms(catalog, sites, {site: f"The {site} site" for site in SITES})
    create_feature(catalog, table, feature, terms=[sites])
    add_dataset_element_type(catalog, table)
    rows = insert(catalog, table, [{"Name": f"Subject {number}", "Site": SITES[number % 2]} for number in range(30)])
    classes = {row["RID"]: row["Site"] for row in rows}
    execution = select(catalog, "deriva-ml:Execution", columns=["RID"], limit=1)[0]["RID"]
    definition = next(known for known in catalog.schema().feature_tables() if known.name == feature)
    insert(
        catalog,
        definition.table.qualified_name,
        [
            {"Execution": execution, "Subject": rid, "Feature_Name": feature, "Site_Name": site}
            for rid, site in classes.items()
        ],
    )
    return Laboratory(catalog, table, list(classes), classes, feature)
