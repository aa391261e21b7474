"""Opening the catalog of the invocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.cli.app.invocation import current

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.target import Target

__all__ = ["open_catalog"]


def open_catalog(target: Target | None = None) -> Catalog:
    """Connect to ``target``, by default the invocation's; waits for retries are reported on standard error.

    Raises:
        UsageError: No catalog is selected.
        AuthError: The credential file cannot be read.
    """
    from dml.catalog.connection import connect

    invocation = current()
    return connect(target or invocation.target, on_wait=invocation.console.say)
