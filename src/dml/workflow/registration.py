"""Making a workflow known to the catalog: found again where it is there, inserted once where it is not.

A workflow is the same when its checksum or its URL is. The insert follows the rule for every remote write: an intent in
the registry, a RID leased under its token, the row under that RID. The token is made of user, URL and checksum, so
that two processes of one user, on any machine, ask for the same lease and write the same row. Where two users race, the
catalog keeps both rows and everyone settles on the lowest RID.
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
from dml.workspace import intents as records
from dml.workspace.registry import Registry

WORKFLOW, TYPES, TYPE_TERMS = "deriva-ml:Workflow", "deriva-ml:Workflow_Workflow_Type", "deriva-ml:Workflow_Type"


def register(
    catalog: Catalog, *, name: str, types: Sequence[str], source: WorkflowSource, description: str, intents: Registry
) -> str:
    """The RID of the workflow with this source, inserted when the catalog has none.

    One that is there is taken as it stands: its name, types and description are not changed. Writes the registry (the
    intent) and the catalog (``Workflow``, ``Workflow_Workflow_Type``; in catalogs before deriva-ml 1.18 its column
    ``Workflow_Type``).

    Args:
        catalog: Where.
        name: Its name.
        types: Terms of ``Workflow_Type``, by name or synonym.
        source: Where its code came from.
        description: Markdown.
        intents: The workspace's registry, open for writing.

    Raises:
        NotFoundError: A type is no term; the nearest ones are named.
        UsageError: The source has neither URL nor checksum; or several types for a catalog that can hold one.
    """
    subject = f"{source.url}\n{source.checksum}"
    known = [intent for intent in records.find_intents(intents, kind="workflow") if intent.subject == subject]
    begun = [intent for intent in known if intent.done_at is None]
    # One that was begun here and not confirmed may lack its types: it is finished, not only found.
    found = None if begun else find_registered(catalog, source)
    if found is not None:
        return found
    type_names = _type_names(catalog, types)
    # One that was confirmed here and is not there any more was deleted; what is wanted now counts.
    records.withdraw(intents, [intent.token for intent in known if intent.done_at is not None])
    row = _row(catalog, name, type_names, source, description)
    token = begun[0].token if begun else _token(catalog, subject)
    intent = records.declare(intents, "workflow", subject, payload={"row": row, "types": type_names}, token=token)
    rid = intent.rid or lease_rids(catalog, [intent.token])[intent.token]
    records.record_leases(intents, {intent.token: rid})
    planned, planned_types = dict(intent.payload["row"]), list(intent.payload["types"])
    insert(catalog, WORKFLOW, [{"RID": rid, **planned}], on_conflict="skip", keep_rids=True)
    if planned_types and catalog.schema().has_table(TYPES):
        pairs = [{"Workflow": rid, "Workflow_Type": term} for term in planned_types]
        insert(catalog, TYPES, pairs, on_conflict="skip")
    settled = find_registered(catalog, source) or rid
    records.finish(intents, [intent.token])
    return settled


def find_registered(catalog: Catalog, source: WorkflowSource) -> str | None:
    """The RID of the workflow with this checksum or URL, the lowest where there are several; one GET.

    Raises:
        UsageError: The source has neither.
    """
    wanted = {"Checksum": source.checksum, "URL": source.url}
    filters = [
        f"{column}={quote(value)}"
        for column, value in wanted.items()
        if value and catalog.schema().has_column(WORKFLOW, column)
    ]
    if not filters:
        raise UsageError(
            "The workflow has neither a URL nor a checksum, so it could not be found again",
            hint="Give --workflow-url, or run code that is in a git repository.",
        )
    found = read(catalog, f"/attribute/{WORKFLOW}/{';'.join(filters)}/RID")
    return min((str(row["RID"]) for row in found), key=_age, default=None)


def _age(rid: str) -> tuple[int, str]:
    """RIDs are counted upwards in base 32, whose digits sort like their characters: a shorter one is older."""
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
            raise UsageError(f"This catalog can hold one type of a workflow, not {len(types)}", hint="Name one type.")
        row["Workflow_Type"] = types[0]
    return {column: value for column, value in row.items() if schema.has_column(WORKFLOW, column)}


def _token(catalog: Catalog, subject: str) -> str:
    identity = catalog.whoami()
    named = f"{identity.id if identity else ''}\n{subject}"
    return "dml-workflow-" + hashlib.sha256(named.encode()).hexdigest()
