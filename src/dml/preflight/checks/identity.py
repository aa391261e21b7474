"""Who runs it: the server answers, knows us, and lets us write executions."""

from __future__ import annotations

from collections.abc import Iterator

from dml.catalog.schema import EXECUTION
from dml.errors import AuthError, DmlError
from dml.preflight.look import Look
from dml.preflight.results import Result, failed, ok, skipped

GROUP = "identity"


def check(look: Look) -> Iterator[Result]:
    """Report the identity and what it may do."""
    if look.catalog is None:
        yield skipped(GROUP, "identity", look.without_catalog)
        return
    host = look.catalog.catalog.target.host
    login = f"deriva-globus-auth-utils login --host {host}"
    try:
        identity = look.catalog.identity()
    except DmlError as error:
        yield failed(GROUP, "server", f"{host} did not answer: {error.message}", error.hint)
        return
    if identity is None:
        yield failed(GROUP, "identity", f"not signed in on {host}", login)
        return
    try:
        allowed = _may_insert(look)
    except AuthError as error:
        yield failed(GROUP, "rights", error.message, login)
        return
    except DmlError:
        yield ok(GROUP, "identity", identity.display_name)
        return
    if allowed is None:
        yield ok(GROUP, "identity", identity.display_name)
        yield skipped(GROUP, "rights", f"{host} does not say what {identity.display_name} may write")
    elif allowed:
        yield ok(GROUP, "rights", f"{identity.display_name}, may insert executions")
    else:
        yield failed(
            GROUP, "rights", f"{identity.display_name} may not insert executions", f"ask who keeps {host} for the right"
        )


def _may_insert(look: Look) -> bool | None:
    """What the model says about our rights (ERMrest's ``rights``); None when it says nothing."""
    assert look.catalog is not None  # noqa: S101 - the caller asked
    schema = look.catalog.schema()
    if look.catalog.catalog.target.is_embedded:
        return True
    name, _, table = EXECUTION.partition(":")
    document = schema.document.get("schemas", {}).get(name, {}).get("tables", {}).get(table, {})
    rights = document.get("rights")
    insert = rights.get("insert") if isinstance(rights, dict) else None
    return None if insert is None else bool(insert)
