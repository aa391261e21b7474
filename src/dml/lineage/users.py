"""Names of the users with given client ids, where the catalog has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dml.catalog.rows import select
from dml.errors import DmlError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["names_of"]

CLIENTS = "public:ERMrest_Client"


def names_of(catalog: Catalog, ids: Iterable[str]) -> dict[str, str]:
    """Read names by client id in one request; ids without a readable name are left out."""
    wanted = sorted({one for one in ids if one})
    if not wanted or not catalog.schema().has_table(CLIENTS):
        return {}
    try:
        rows = select(catalog, CLIENTS, where={"ID": wanted}, columns=["ID", "Display_Name", "Full_Name"])
    except DmlError:
        return {}
    names = ((str(row["ID"]), row.get("Full_Name") or row.get("Display_Name")) for row in rows)
    return {ident: str(name) for ident, name in names if name}
