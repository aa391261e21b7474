"""Links to a row or a table that people can follow: one that lasts, at a snapshot, and one to it as it is (Chaise)."""

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
    """Where a row, or a table, is seen.

    Attributes:
        rid: RID of the row; None for a table.
        table: The table, ``schema:Table``.
        permanent: Link to it as it was at ``snapshot``.
        current: Link to it as it is whenever it is looked at.
        snapshot: The catalog's snapshot of the permanent link.
    """

    rid: str | None
    table: str
    permanent: str
    current: str
    snapshot: str


def cite(catalog: Catalog, rid: str) -> Citation:
    """The links to a row, given by RID or as RID@SNAPSHOT; two requests.

    Raises:
        NotFoundError: The catalog does not know the RID, or its row was deleted.
    """
    bare, _, moment = rid.partition("@")
    wanted = validate_rid(bare)
    place = locate(catalog, [wanted]).get(wanted)
    if place is None:
        raise NotFoundError(f"No row {wanted} in {catalog.target}", hint="Check the RID, and the target: dml config.")
    if place.deleted and not moment:
        raise NotFoundError(
            f"{wanted} was a row of {place.table} and is deleted", hint=f"Name a snapshot: dml cite {wanted}@SNAPSHOT."
        )
    snapshot = moment or catalog.target.snapshot or catalog.snaptime()
    current = catalog.chaise_path(wanted).partition("@")[0]
    return Citation(wanted, place.qualified_name, f"{current}@{snapshot}", current, snapshot)


def cite_table(catalog: Catalog, table: str, moment: str = "") -> Citation:
    """The links to the rows of a table; one request, none where a snapshot is named.

    Args:
        catalog: Where.
        table: ``schema:Table``.
        moment: The snapshot of the permanent link; empty for now.
    """
    snapshot = moment or catalog.target.snapshot or catalog.snaptime()
    page, _, rest = catalog.chaise_table(table).partition("#")
    number, _, name = rest.partition("/")
    number = number.partition("@")[0]
    return Citation(None, table, f"{page}#{number}@{snapshot}/{name}", f"{page}#{number}/{name}", snapshot)
