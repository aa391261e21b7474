"""An execution that names no input is linked to the catalog's *unknown provenance* file, so that its gap can be seen.

Catalogs before 1.51.5 have no such file; there nothing is written.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from dml.catalog.concurrency import gather
from dml.catalog.rows import count, select
from dml.catalog.schema import EXECUTION
from dml.upload.asset_rows import INPUT, link_assets

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

SENTINEL_URL = "tag:deriva-ml,unknown-provenance:file"
"""URL of the row of ``File`` that stands for inputs nobody recorded."""

FILE = "deriva-ml:File"
DATASET_EXECUTION = "deriva-ml:Dataset_Execution"

_sentinels: WeakKeyDictionary[Catalog, str] = WeakKeyDictionary()
_tagged: WeakSet[Catalog] = WeakSet()
"""Catalogs whose sentinel was given its type by this process; it is one row for all executions."""


def link_unknown_input(catalog: Catalog, execution_rid: str, *, known_to_have_none: bool) -> bool:
    """Link the unknown-provenance file as input of an execution that has no input. Writes the catalog.

    Args:
        catalog: Where to write.
        execution_rid: The execution.
        known_to_have_none: The registry says that it has no input; else the catalog is asked.

    Returns:
        Whether it was linked now or before.
    """
    if not known_to_have_none and has_inputs(catalog, execution_rid):
        return False
    sentinel = _sentinel(catalog)
    if sentinel is None:
        return False
    link_assets(
        catalog, catalog.schema().table(FILE), execution_rid, INPUT, {sentinel: ()}, with_types=catalog not in _tagged
    )
    _tagged.add(catalog)
    return True


def has_inputs(catalog: Catalog, execution_rid: str) -> bool:
    """Whether the catalog records any input of an execution: one request an asset table, and one for datasets."""
    schema = catalog.schema()
    calls = [partial(count, catalog, DATASET_EXECUTION, where={"Execution": execution_rid})]
    for asset in schema.asset_tables():
        edges = schema.asset_execution_table(asset)
        key = edges.reference_to(EXECUTION) if edges else None
        if edges is not None and key is not None:
            where = {key.columns[0]: execution_rid, "Asset_Role": INPUT}
            calls.append(partial(count, catalog, edges.qualified_name, where=where))
    return any(gather(calls))


def _sentinel(catalog: Catalog) -> str | None:
    if catalog not in _sentinels:
        if not catalog.schema().has_table(FILE):
            return None
        found = select(catalog, FILE, where={"URL": SENTINEL_URL}, columns=["RID"])
        if not found:
            return None
        _sentinels[catalog] = str(found[0]["RID"])
    return _sentinels[catalog]
