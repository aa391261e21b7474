"""The user: the server recognizes them, and lets them create executions and store files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dml.catalog.credentials import sign_in_hint
from dml.catalog.schema import EXECUTION
from dml.errors import AuthError, DmlError
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped

GROUP = "identity"

NAMESPACE: Final = "/hatrac/Execution_Metadata"
"""The namespace in which every execution stores files."""


def check(context: CheckContext) -> Iterator[Result]:
    """Report the user and what they may do."""
    if context.catalog is None:
        yield skipped(GROUP, "identity", context.no_catalog_reason)
        return
    host = context.catalog.catalog.target.host
    login = sign_in_hint(host)
    try:
        identity = context.catalog.identity()
    except DmlError as error:
        yield failed(GROUP, "server", f"{host} did not respond: {error.message}", error.hint)
        return
    if identity is None:
        yield failed(GROUP, "identity", f"not signed in to {host}", login)
        return
    try:
        allowed = _may_insert(context)
    except AuthError as error:
        yield failed(GROUP, "rights", error.message, login)
        return
    except DmlError:
        yield ok(GROUP, "identity", identity.display_name)
        return
    stores = _may_store(context)
    if allowed is None:
        yield ok(GROUP, "identity", identity.display_name)
        yield skipped(GROUP, "rights", f"{host} does not report what {identity.display_name} may write")
    elif allowed:
        both = " and store files" if stores is True else ""
        yield ok(GROUP, "rights", f"{identity.display_name} may create executions{both}")
    else:
        message = f"{identity.display_name} may not create executions"
        yield failed(GROUP, "rights", message, f"ask the administrator of {host} for write access")
    if stores is False:
        message = f"the object store of {host} does not recognize {identity.display_name}"
        yield failed(GROUP, "objects", message, login)
    elif stores is None:
        message = f"{host} shows only to owners who may store files: {identity.display_name} may be allowed or not"
        yield skipped(GROUP, "objects", message)


def _may_insert(context: CheckContext) -> bool | None:
    """Whether the schema grants the right to insert executions (ERMrest's ``rights``); None when it does not say."""
    assert context.catalog is not None  # noqa: S101 - the caller checks it
    schema = context.catalog.schema()
    if context.catalog.catalog.target.is_embedded:
        return True
    name, _, table = EXECUTION.partition(":")
    document = schema.document.get("schemas", {}).get(name, {}).get("tables", {}).get(table, {})
    rights = document.get("rights")
    insert = rights.get("insert") if isinstance(rights, dict) else None
    return None if insert is None else bool(insert)


def _may_store(context: CheckContext) -> bool | None:
    """Whether the object store lets the user add files. Reads only.

    The store shows its access list only to owners, who may add files. False when it does not recognize the user; None
    when it does not show the list, which says nothing about the right to add files.
    """
    assert context.catalog is not None  # noqa: S101 - the caller checks it
    catalog = context.catalog.catalog
    if catalog.target.is_embedded:
        return True
    try:
        exchange = catalog.host_exchange("GET", f"{NAMESPACE};acl", accept=(401, 403, 404))
    except AuthError:
        return False
    except DmlError:
        return None
    status = exchange.response.status_code
    return False if status == 401 else True if status == 200 else None
