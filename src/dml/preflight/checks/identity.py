"""Who runs it: the server answers, knows us, and lets us write executions and store files."""

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
"""Where every execution stores files, whatever else it writes."""


def check(look: CheckContext) -> Iterator[Result]:
    """Report the identity and what it may do."""
    if look.catalog is None:
        yield skipped(GROUP, "identity", look.without_catalog)
        return
    host = look.catalog.catalog.target.host
    login = sign_in_hint(host)
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
    stores = _may_store(look)
    if allowed is None:
        yield ok(GROUP, "identity", identity.display_name)
        yield skipped(GROUP, "rights", f"{host} does not say what {identity.display_name} may write")
    elif allowed:
        both = " and store files" if stores is True else ""
        yield ok(GROUP, "rights", f"{identity.display_name}, may insert executions{both}")
    else:
        yield failed(
            GROUP, "rights", f"{identity.display_name} may not insert executions", f"ask who keeps {host} for the right"
        )
    if stores is False:
        yield failed(GROUP, "objects", f"the object store of {host} does not know {identity.display_name}", login)
    elif stores is None:
        who = identity.display_name
        yield skipped(GROUP, "objects", f"who may store files is shown to owners only: {who} may or may not")


def _may_insert(look: CheckContext) -> bool | None:
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


def _may_store(look: CheckContext) -> bool | None:
    """Whether the object store lets us add files: it shows its access list to owners alone, who may. False when it
    does not know us, None when it does not tell, which says nothing about a right to add. Nothing is written.
    """
    assert look.catalog is not None  # noqa: S101 - the caller asked
    catalog = look.catalog.catalog
    if catalog.target.is_embedded:
        return True
    try:
        asked = catalog.host_exchange("GET", f"{NAMESPACE};acl", accept=(401, 403, 404))
    except AuthError:
        return False
    except DmlError:
        return None
    status = asked.response.status_code
    return False if status == 401 else True if status == 200 else None
