"""Links to a row or a table in Chaise: a permanent one, at a snapshot, and one to its current state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.rids import locate, validate_rid
from dml.errors import NotFoundError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Citation", "cite", "cite_table"]


@dataclass(frozen=True)
class Citation:
    """The links to a row or a table.

    Attributes:
        rid: The row's RID; None for a table.
        table: The table, ``schema:Table``.
        permanent: The link to its state at ``snapshot``.
        current: The link to its current state.
        snapshot: The snapshot of the permanent link.
    """

    rid: str | None
    table: str
    permanent: str
    current: str
    snapshot: str


def cite(catalog: Catalog, rid: str) -> Citation:
    """The links to a row, given as RID or RID@SNAPSHOT. Sends two requests.

    Raises:
        NotFoundError: The catalog has no row with the RID, or the row was deleted and no snapshot is given.
    """
    bare, _, requested = rid.partition("@")
    checked = validate_rid(bare)
    location = locate(catalog, [checked]).get(checked)
    if location is None:
        raise NotFoundError(
            f"No row {checked} in {catalog.target}", hint="Check the RID, and the catalog with `dml config`."
        )
    if location.deleted and not requested:
        raise NotFoundError(
            f"{checked} was a row of {location.table} and has been deleted",
            hint=f"Give a snapshot: `dml cite {checked}@SNAPSHOT`.",
        )
    snapshot = requested or catalog.target.snapshot or catalog.snaptime()
    current = catalog.chaise_path(checked).partition("@")[0]
    return Citation(checked, location.qualified_name, f"{current}@{snapshot}", current, snapshot)


def cite_table(catalog: Catalog, table: str, moment: str = "") -> Citation:
    """The links to the rows of a table. Sends one request, or none if a snapshot is given.

    Args:
        catalog: The catalog.
        table: ``schema:Table``.
        moment: The snapshot of the permanent link; empty for the current one.
    """
    snapshot = moment or catalog.target.snapshot or catalog.snaptime()
    page, _, rest = catalog.chaise_table(table).partition("#")
    number, _, name = rest.partition("/")
    number = number.partition("@")[0]
    return Citation(None, table, f"{page}#{number}@{snapshot}/{name}", f"{page}#{number}/{name}", snapshot)
