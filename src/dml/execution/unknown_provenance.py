"""Linking an execution without inputs to the catalog's *unknown provenance* file, which makes the gap visible.

Catalogs before 1.51.5 have no such file; nothing is written there.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from dml.asset.associations import execution_associations
from dml.catalog.concurrency import gather
from dml.catalog.rows import count, select
from dml.upload.asset_rows import INPUT, link_assets

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

SENTINEL_URL = "tag:deriva-ml,unknown-provenance:file"
"""URL of the row of ``File`` that stands for unrecorded inputs."""

FILE = "deriva-ml:File"
DATASET_EXECUTION = "deriva-ml:Dataset_Execution"

_sentinels: WeakKeyDictionary[Catalog, str] = WeakKeyDictionary()
_typed: WeakSet[Catalog] = WeakSet()
"""Catalogs whose sentinel has been given its type by this process; it is one row for all executions."""


def link_unknown_input(catalog: Catalog, execution_rid: str, *, known_to_have_none: bool) -> bool:
    """Link the unknown-provenance file as input of an execution that has no input. Writes the catalog.

    Args:
        catalog: The catalog.
        execution_rid: The execution.
        known_to_have_none: Whether the registry rules out any input; otherwise the catalog is asked.

    Returns:
        Whether the execution is linked to the file, by this call or an earlier one.
    """
    if not known_to_have_none and _has_inputs(catalog, execution_rid):
        return False
    sentinel = _sentinel(catalog)
    if sentinel is None:
        return False
    table = catalog.schema().table(FILE)
    link_assets(catalog, table, execution_rid, INPUT, {sentinel: ()}, with_types=catalog not in _typed)
    _typed.add(catalog)
    return True


def _has_inputs(catalog: Catalog, execution_rid: str) -> bool:
    """Whether the catalog records any input of an execution: one request an asset table, and one for datasets."""
    calls = [partial(count, catalog, DATASET_EXECUTION, where={"Execution": execution_rid})]
    for association in execution_associations(catalog.schema()):
        where = {association.other_column: execution_rid, "Asset_Role": INPUT}
        calls.append(partial(count, catalog, association.table, where=where))
    return any(gather(calls))


def _sentinel(catalog: Catalog) -> str | None:
    if catalog not in _sentinels:
        if not catalog.schema().has_table(FILE):
            return None
        rows = select(catalog, FILE, where={"URL": SENTINEL_URL}, columns=["RID"])
        if not rows:
            return None
        _sentinels[catalog] = str(rows[0]["RID"])
    return _sentinels[catalog]
