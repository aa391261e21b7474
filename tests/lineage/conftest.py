"""A domain with two asset tables, so that the catalog has five."""

from __future__ import annotations

from pathlib import Path

import pytest

from dml.catalog.administration import create_catalog
from dml.catalog.connection import Catalog, connect
from dml.catalog.definitions import add_dataset_element_type, create_asset_table
from dml.catalog.ml_schema import initialise

from .story import Story


@pytest.fixture
def story(catalog: Catalog, domain: str) -> Story:
    """An empty story; images and models are its files, images may be members of datasets."""
    for name in ("Image", "Model"):
        create_asset_table(catalog, f"{domain}:{name}")
        add_dataset_element_type(catalog, f"{domain}:{name}")
    return Story(catalog, [f"{domain}:Image", f"{domain}:Model"])


@pytest.fixture
def older(home: Path) -> Story:
    """A story in an embedded catalog of its own as deriva-ml 1.17 made it: no nesting, no versions of inputs."""
    catalog = connect(create_catalog("local"))
    initialise(catalog)
    tables = "/schema/deriva-ml/table"
    catalog.delete(f"{tables}/Execution_Execution")
    catalog.delete(f"{tables}/Workflow_Workflow_Type")
    catalog.delete(f"{tables}/Directory_Dataset")
    catalog.delete(f"{tables}/Dataset_Execution/column/Dataset_Version")
    catalog.delete(f"{tables}/Execution/column/Execution_Duration")
    for table, column in (("Execution", "Duration"), ("Workflow", "Workflow_Type")):
        catalog.post_json(f"{tables}/{table}/column", {"name": column, "type": {"typename": "text"}, "nullok": True})
    catalog.refresh_schema()
    return Story(catalog, ["deriva-ml:Execution_Asset", "deriva-ml:File"])
