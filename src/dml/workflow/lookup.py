"""Workflows as the catalog has them: finding one, listing them, and changing their description and types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.catalog.paging import narrowed, page, terms_of
from dml.catalog.rows import Row, delete, insert, locate, read, select, update, validate_rid
from dml.catalog.schema import EXECUTION, WORKFLOW
from dml.catalog.url import condition, quote, table_path
from dml.catalog.vocabulary import find_term
from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe
from dml.workflow.registration import TYPE_TERMS, TYPES

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = [
    "WorkflowRow",
    "add_workflow_type",
    "count_by_status",
    "find_workflow",
    "list_workflow_executions",
    "list_workflows",
    "remove_workflow_type",
    "set_workflow_description",
    "set_workflow_types",
]


@dataclass(frozen=True)
class WorkflowRow:
    """A workflow of the catalog.

    Attributes:
        rid: RID.
        name: Its name; empty where the catalog says none.
        types: Terms of Workflow_Type, sorted.
        description: Markdown.
        url: Link to the code.
        checksum: Of the code.
        version: Of the code.
        created: Time of the row, as the catalog writes it.
    """

    rid: str
    name: str
    types: tuple[str, ...]
    description: str
    url: str | None
    checksum: str | None
    version: str | None
    created: str

    def to_mapping(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {**vars(self), "types": list(self.types)}


def list_workflows(
    catalog: Catalog, *, workflow_type: str | None = None, limit: int | None = None
) -> tuple[list[WorkflowRow], bool]:
    """Workflows, the newest first, and whether there are more than ``limit``; two requests.

    Args:
        catalog: Where.
        workflow_type: Only of this type, spelled as the term is.
        limit: The most; None for all.
    """
    path = f"/entity/W:={table_path(WORKFLOW)}"
    if workflow_type is not None and catalog.schema().has_table(TYPES):
        path = narrowed(path, "W", [(TYPES, "Workflow", "Workflow_Type", workflow_type)])
    elif workflow_type is not None:
        path += f"/{condition('Workflow_Type', [workflow_type])}"
    rows, more = page(catalog, path, sort=("RCT::desc::", "RID"), limit=limit)
    return _with_types(catalog, rows), more


def find_workflow(catalog: Catalog, wanted: str) -> WorkflowRow:
    """A workflow by its RID, its URL or its checksum; two requests.

    Raises:
        NotFoundError: There is none.
        UsageError: The RID is of something else.
    """
    columns = [name for name in ("RID", "URL", "Checksum") if catalog.schema().has_column(WORKFLOW, name)]
    either = ";".join(f"{name}={quote(wanted)}" for name in columns)
    rows = read(catalog, f"/entity/{table_path(WORKFLOW)}/{either}@sort(RCT,RID)")
    if rows:
        return _with_types(catalog, rows[:1])[0]
    if not any(letter in wanted for letter in ":/."):
        try:
            place = locate(catalog, [wanted]).get(wanted)
        except UsageError:  # it is no RID: a checksum, or a name
            place = None
        if place is not None and not place.deleted:
            raise UsageError(f"{wanted} is a row of {place.table}, not a workflow")
    raise NotFoundError(
        f"There is no workflow {safe(wanted)} in {catalog.target}",
        hint="Name its RID, URL or checksum: dml workflow list",
    )


def set_workflow_description(catalog: Catalog, rid: str, text: str) -> None:
    """Change the description of a workflow. Writes the catalog."""
    update(catalog, WORKFLOW, [{"RID": validate_rid(rid), "Description": text}], columns=["Description"])


def add_workflow_type(catalog: Catalog, rid: str, name: str) -> bool:
    """Give a workflow a type, named by the term or a synonym; whether it was new. Writes the catalog.

    Raises:
        NotFoundError: There is no such term; the nearest are named.
        UsageError: The catalog is of a time when a workflow had one type only.
    """
    term = find_term(catalog, TYPE_TERMS, name).name
    _require_types(catalog)
    pair = {"Workflow": validate_rid(rid), "Workflow_Type": term}
    return bool(insert(catalog, TYPES, [pair], on_conflict="skip"))


def remove_workflow_type(catalog: Catalog, rid: str, name: str) -> bool:
    """Take a type from a workflow; whether it had it. Writes the catalog.

    Raises:
        NotFoundError: There is no such term; the nearest are named.
        UsageError: The catalog is of a time when a workflow had one type only.
    """
    term = find_term(catalog, TYPE_TERMS, name).name
    _require_types(catalog)
    pair = {"Workflow": validate_rid(rid), "Workflow_Type": term}
    return bool(select(catalog, TYPES, where=pair)) and bool(delete(catalog, TYPES, pair))


def set_workflow_types(catalog: Catalog, rid: str, names: Sequence[str]) -> tuple[str, ...]:
    """Give a workflow exactly these types, named by the terms or synonyms; the types, sorted. Writes the catalog.

    New types are added before others are taken away, so that an interruption leaves no workflow without a type.

    Raises:
        NotFoundError: One is no term; the nearest are named, and nothing is written.
        UsageError: There are none, or the catalog is of a time when a workflow had one type only.
    """
    if not names:
        raise UsageError(f"Workflow {rid} would have no type", hint="Give at least one term of Workflow_Type.")
    wanted = {find_term(catalog, TYPE_TERMS, name).name for name in names}
    _require_types(catalog)
    there = {str(row["Workflow_Type"]) for row in select(catalog, TYPES, where={"Workflow": validate_rid(rid)})}
    new = [{"Workflow": rid, "Workflow_Type": name} for name in sorted(wanted - there)]
    if new:
        insert(catalog, TYPES, new, on_conflict="skip")
    for name in sorted(there - wanted):
        delete(catalog, TYPES, {"Workflow": rid, "Workflow_Type": name})
    return tuple(sorted(wanted))


def count_by_status(catalog: Catalog, rid: str) -> dict[str, int]:
    """How many executions of a workflow are in which status, counted by the server; one without is ``none``."""
    path = f"/attributegroup/{table_path(EXECUTION)}/{condition('Workflow', [rid])}/Status;n:=cnt(RID)"
    return {str(row["Status"] or "none"): int(row["n"]) for row in read(catalog, path)}


def list_workflow_executions(catalog: Catalog, rid: str, *, limit: int | None = None) -> tuple[list[Row], bool]:
    """The rows of ``Execution`` that ran a workflow, the newest first, and whether there are more. One request."""
    path = f"/entity/{table_path(EXECUTION)}/{condition('Workflow', [rid])}"
    return page(catalog, path, sort=("RCT::desc::", "RID"), limit=limit)


def _require_types(catalog: Catalog) -> None:
    if not catalog.schema().has_table(TYPES):
        raise UsageError(f"{catalog.target} is older than deriva-ml 1.18: its workflows have one type, set when made")


def _with_types(catalog: Catalog, rows: Sequence[Row]) -> list[WorkflowRow]:
    if catalog.schema().has_table(TYPES):
        types = terms_of(catalog, TYPES, "Workflow", "Workflow_Type", [str(row["RID"]) for row in rows])
    else:
        types = {str(row["RID"]): [str(row["Workflow_Type"])] for row in rows if row.get("Workflow_Type")}
    return [
        WorkflowRow(
            rid=str(row["RID"]),
            name=str(row.get("Name") or ""),
            types=tuple(types.get(str(row["RID"]), ())),
            description=str(row.get("Description") or ""),
            url=row.get("URL"),
            checksum=row.get("Checksum"),
            version=row.get("Version"),
            created=str(row.get("RCT") or ""),
        )
        for row in rows
    ]
