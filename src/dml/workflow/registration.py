"""Registering a workflow in the catalog: the existing row is used, or one new row is inserted.

Two workflows are the same when their checksums or their URLs are equal. The insert follows the rule for every remote
write: an intent in the registry, a RID leased under the intent's token, then the row with that RID. The token is
derived from user, URL and checksum, so that two processes of one user, on any machine, get the same lease and write the
same row. When two users race, the catalog keeps both rows and everyone uses the lowest RID.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from dml.catalog.connection import Catalog
from dml.catalog.rows import Row, insert, lease_rids, read
from dml.catalog.url import quote
from dml.catalog.vocabulary import match_term, terms
from dml.errors import UsageError
from dml.workflow.record import WorkflowSource
from dml.workspace import intents
from dml.workspace.registry import Registry

WORKFLOW, TYPES, TYPE_TERMS = "deriva-ml:Workflow", "deriva-ml:Workflow_Workflow_Type", "deriva-ml:Workflow_Type"


def register(
    catalog: Catalog, *, name: str, types: Sequence[str], source: WorkflowSource, description: str, registry: Registry
) -> str:
    """Insert a workflow unless the catalog has one with this source.

    An existing workflow keeps its name, types and description. Writes the registry (the intent) and the catalog
    (``Workflow`` and ``Workflow_Workflow_Type``, or the column ``Workflow_Type`` before deriva-ml 1.18).

    Args:
        catalog: The catalog.
        name: The workflow's name.
        types: Terms of ``Workflow_Type``, by name or synonym.
        source: Where the code came from.
        description: Markdown.
        registry: The workspace's registry, open for writing.

    Returns:
        The workflow's RID.

    Raises:
        NotFoundError: A type is not a term; the message names the nearest.
        UsageError: The source has neither URL nor checksum, or the catalog holds one type and several are given.
    """
    subject = f"{source.url}\n{source.checksum}"
    known = [intent for intent in intents.find_intents(registry, kind="workflow") if intent.subject == subject]
    unfinished = [intent for intent in known if intent.done_at is None]
    # The row of an unfinished registration may lack its types, so it is completed even when the row exists.
    existing = None if unfinished else find_registered(catalog, source)
    if existing is not None:
        return existing
    type_names = _type_names(catalog, types)
    # The row of a finished registration has been deleted from the catalog since; it is registered again.
    intents.withdraw(registry, [intent.token for intent in known if intent.done_at is not None])
    row = _row(catalog, name, type_names, source, description)
    token = unfinished[0].token if unfinished else _token(catalog, subject)
    intent = intents.declare(registry, "workflow", subject, payload={"row": row, "types": type_names}, token=token)
    rid = intent.rid or lease_rids(catalog, [intent.token])[intent.token]
    intents.record_leases(registry, {intent.token: rid})
    # An unfinished registration keeps the row it declared first, whatever is given now.
    planned, planned_types = dict(intent.payload["row"]), list(intent.payload["types"])
    insert(catalog, WORKFLOW, [{"RID": rid, **planned}], on_conflict="skip", keep_rids=True)
    if planned_types and catalog.schema().has_table(TYPES):
        pairs = [{"Workflow": rid, "Workflow_Type": term} for term in planned_types]
        insert(catalog, TYPES, pairs, on_conflict="skip")
    registered = find_registered(catalog, source) or rid
    intents.finish(registry, [intent.token])
    return registered


def find_registered(catalog: Catalog, source: WorkflowSource) -> str | None:
    """The RID of the workflow with this checksum or URL, the oldest if there are several. Sends one request.

    Raises:
        UsageError: The source has neither.
    """
    keys = {"Checksum": source.checksum, "URL": source.url}
    filters = [
        f"{column}={quote(value)}"
        for column, value in keys.items()
        if value and catalog.schema().has_column(WORKFLOW, column)
    ]
    if not filters:
        raise UsageError(
            "the workflow has neither a URL nor a checksum to identify it",
            hint="Give --workflow-url, or run code that is in a git repository.",
        )
    rows = read(catalog, f"/attribute/{WORKFLOW}/{';'.join(filters)}/RID")
    return min((str(row["RID"]) for row in rows), key=_allocation_order, default=None)


def _allocation_order(rid: str) -> tuple[int, str]:
    """A sort key by age: ERMrest counts RIDs upwards in base 32, whose digits sort like their characters."""
    digits = rid.replace("-", "")
    return len(digits), digits


def _type_names(catalog: Catalog, types: Sequence[str]) -> list[str]:
    if not types:
        return []
    known = terms(catalog, TYPE_TERMS)
    return list(dict.fromkeys(match_term(known, TYPE_TERMS, name).name for name in types))


def _row(catalog: Catalog, name: str, types: Sequence[str], source: WorkflowSource, description: str) -> Row:
    schema = catalog.schema()
    row: Row = {
        "Name": name,
        "Description": description,
        "URL": source.url or None,
        "Checksum": source.checksum or None,
        "Version": source.version,
    }
    if types and not schema.has_table(TYPES):
        if len(types) > 1:
            raise UsageError(
                f"{catalog.target} predates deriva-ml 1.18: a workflow has one type, not {len(types)}",
                hint="Give one type.",
            )
        row["Workflow_Type"] = types[0]
    return {column: value for column, value in row.items() if schema.has_column(WORKFLOW, column)}


def _token(catalog: Catalog, subject: str) -> str:
    identity = catalog.whoami()
    key = f"{identity.id if identity else ''}\n{subject}"
    return "dml-workflow-" + hashlib.sha256(key.encode()).hexdigest()
