"""RIDs: their form, leasing new ones, and finding the table of a known one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog.concurrency import gather
from dml.catalog.read_rows import select
from dml.catalog.url import quote, table_path
from dml.catalog.write_rows import pages
from dml.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

_LEASES = "public:ERMrest_RID_Lease"
_RID = re.compile(r"[0-9A-Z]{1,4}(-[0-9A-Z]{1,4})*")


def lease_rids(catalog: Catalog, tokens: Sequence[str]) -> dict[str, str]:
    """Lease a RID for each token. Writes leases to the catalog; safe to repeat.

    Args:
        catalog: The catalog.
        tokens: Unique strings, usually random; a token that was leased before gets the same RID.

    Returns:
        Token → RID.

    Raises:
        IntegrityError: The server stored no lease for a token.
    """
    distinct = list(dict.fromkeys(tokens))
    leased: dict[str, str] = {}
    path = f"/entity/{table_path(_LEASES)}?onconflict=skip"
    for page in pages({"ID": token} for token in distinct):
        for row in catalog.post_json(path, page, repeatable=True) or []:
            leased[row["ID"]] = row["RID"]
    leased_before = [token for token in distinct if token not in leased]
    if leased_before:
        leased.update(_own_leases(catalog, leased_before))
    missing = [token for token in distinct if token not in leased]
    if missing:
        raise IntegrityError(f"the catalog leased no RID for {len(missing)} of {len(distinct)} requests")
    return {token: leased[token] for token in distinct}


def _own_leases(catalog: Catalog, tokens: Sequence[str]) -> dict[str, str]:
    rows = select(catalog, _LEASES, where={"ID": tokens}, columns=["ID", "RID", "RCB"])
    if len({row["RCB"] for row in rows}) > 1:  # the key is (RCB, ID), so another user may have used the same token
        identity = catalog.whoami()
        rows = [row for row in rows if identity is not None and row["RCB"] == identity.id]
    return {row["ID"]: row["RID"] for row in rows}


@dataclass(frozen=True)
class RowLocation:
    """The table of a RID.

    Attributes:
        rid: The RID.
        schema, table: The table of its row.
        deleted: Whether the row has been deleted.
    """

    rid: str
    schema: str
    table: str
    deleted: bool

    @property
    def qualified_name(self) -> str:
        """``schema:Table``."""
        return f"{self.schema}:{self.table}"


def locate(catalog: Catalog, rids: Iterable[str]) -> dict[str, RowLocation]:
    """The table of each RID, by one concurrent request each. Unknown RIDs are absent from the result.

    Raises:
        UsageError: A RID is malformed.
    """
    distinct = list(dict.fromkeys(validate_rid(rid) for rid in rids))
    locations = gather([partial(_locate_one, catalog, rid) for rid in distinct])
    return {location.rid: location for location in locations if location is not None}


def _locate_one(catalog: Catalog, rid: str) -> RowLocation | None:
    path = f"/entity_rid/{quote(rid)}"
    done = catalog.exchange("GET", path, accept=(404,))
    if done.response.status_code == 404:
        refusal = catalog.border.refusal(done.response, path)
        if refusal.hint:  # an HTML page: this is not a DERIVA server
            raise refusal
        return None
    answer = catalog.border.json(done.response, path)
    return RowLocation(rid, str(answer["schema_name"]), str(answer["table_name"]), bool(answer.get("deleted_at")))


def validate_rid(text: str) -> str:
    """The RID in a text, without surrounding spaces.

    Raises:
        UsageError: It is not a RID: groups of one to four of ``0-9A-Z`` separated by hyphens.
    """
    rid = text.strip()
    if not _RID.fullmatch(rid):
        raise UsageError(f"{text[:60]!r} is not a RID", hint="A RID looks like 1-A2B4 or 4T2.")
    return rid
