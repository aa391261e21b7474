"""Changing the status of an execution in the catalog alone, for those that no workspace here knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dml.catalog.indexed_text import shortened
from dml.catalog.rows import compare_and_set
from dml.catalog.schema import EXECUTION
from dml.errors import ConflictError
from dml.execution.status import require_transition, shown_status

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["change_in_catalog"]


def change_in_catalog(catalog: Catalog, rid: str, old: str | None, new: str, detail: str | None) -> None:
    """Change the status if the row still holds ``old``; one conditional request. Writes the catalog.

    Raises:
        IllegalTransitionError: The change is not allowed.
        ConflictError: The row holds another status by now, or is gone.
    """
    wanted = require_transition(old, new)
    also: dict[str, Any] = {}
    if detail is not None and catalog.schema().capabilities.status_detail:
        also["Status_Detail"] = shortened(detail)
    if not compare_and_set(catalog, EXECUTION, rid, "Status", old, str(wanted), also):
        raise ConflictError(f"{rid} is no longer {shown_status(old)} in the catalog", hint=f"dml exec show {rid}")
