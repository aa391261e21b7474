"""What staging needs to know of the catalog, from what was kept of it: no request, and no library of the catalog's
room.

The schema comes from dml's cache on disk, the asset types from the registry, where creating the execution left them.
Only what is not found there is asked of the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dml.asset.tables import asset_table
from dml.errors import NotFoundError
from dml.workspace import executions

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.workspace.session import WorkspaceSession


def known_table(session: WorkspaceSession, name: str) -> Table:
    """An asset table by its name, ``Table`` or ``schema:Table``.

    Raises:
        NotFoundError: The catalog has no such asset table; the nearest are named.
    """
    from dml.catalog.schema_cache import SchemaCache

    kept = SchemaCache(session.target).read()
    if kept is not None:
        try:
            return asset_table(kept.schema, name)
        except NotFoundError:
            pass  # it may have been made since
    return asset_table(session.catalog.schema(), name)


def known_types(session: WorkspaceSession, rid: str, names: Sequence[str]) -> list[str]:
    """Asset types by their names.

    Raises:
        NotFoundError: One is no term of Asset_Type; the nearest are named.
    """
    kept = executions.get_execution(session.registry, rid).extra.get("asset_types", [])
    if all(name in kept for name in names):
        return list(dict.fromkeys(names))
    from dml.catalog import required_terms

    return required_terms.require(session.catalog, required_terms.ASSET_TYPE, names)
