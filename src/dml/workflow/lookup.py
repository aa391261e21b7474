"""Workflows in the catalog: finding and listing them, and changing their description and types."""

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
    """A workflow in the catalog.

    Attributes:
        rid: The workflow's RID.
        name: The workflow's name; empty when the catalog has none.
        types: Terms of ``Workflow_Type``, sorted.
        description: Markdown.
        url: Link to the code.
        checksum: git's blob hash of the code.
        version: The version of the project that holds the code.
        created: When the row was created (``RCT``), as the catalog writes it.
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
    """Workflows, newest first, and whether there are more than ``limit``. Sends two requests.

    Args:
        catalog: The catalog.
        workflow_type: Only workflows of this type, spelled as the term is.
        limit: The greatest number of workflows; None for all.
    """
    path = f"/entity/W:={table_path(WORKFLOW)}"
    if workflow_type is not None and catalog.schema().has_table(TYPES):
        path = narrowed(path, "W", [(TYPES, "Workflow", "Workflow_Type", workflow_type)])
    elif workflow_type is not None:
        path += f"/{condition('Workflow_Type', [workflow_type])}"
    rows, more = page(catalog, path, sort=("RCT::desc::", "RID"), limit=limit)
    return _with_types(catalog, rows), more


def find_workflow(catalog: Catalog, key: str) -> WorkflowRow:
    """A workflow by its RID, URL or checksum. Sends two requests.

    Raises:
        NotFoundError: There is no such workflow.
        UsageError: The RID is that of another kind of row.
    """
    columns = [name for name in ("RID", "URL", "Checksum") if catalog.schema().has_column(WORKFLOW, name)]
    any_column = ";".join(f"{name}={quote(key)}" for name in columns)
    rows = read(catalog, f"/entity/{table_path(WORKFLOW)}/{any_column}@sort(RCT,RID)")
    if rows:
        return _with_types(catalog, rows[:1])[0]
    if not any(letter in key for letter in ":/."):  # it may be the RID of another row
        try:
            location = locate(catalog, [key]).get(key)
        except UsageError:  # a checksum or a name
            location = None
        if location is not None and not location.deleted:
            raise UsageError(f"{key} is a row of {location.table}, not a workflow")
    raise NotFoundError(
        f"no workflow {safe(key)} in {catalog.target}",
        hint="Give a RID, URL or checksum; `dml workflow list` shows them.",
    )


def set_workflow_description(catalog: Catalog, rid: str, text: str) -> None:
    """Change the description of a workflow. Writes the catalog."""
    update(catalog, WORKFLOW, [{"RID": validate_rid(rid), "Description": text}], columns=["Description"])


def add_workflow_type(catalog: Catalog, rid: str, name: str) -> bool:
    """Give a workflow a type, named by the term or a synonym. Writes the catalog.

    Returns:
        Whether the workflow did not have it before.

    Raises:
        NotFoundError: There is no such term; the message names the nearest.
        UsageError: The catalog predates deriva-ml 1.18, when a workflow had one type only.
    """
    term = find_term(catalog, TYPE_TERMS, name).name
    _require_types(catalog)
    pair = {"Workflow": validate_rid(rid), "Workflow_Type": term}
    return bool(insert(catalog, TYPES, [pair], on_conflict="skip"))


def remove_workflow_type(catalog: Catalog, rid: str, name: str) -> bool:
    """Remove a type from a workflow. Writes the catalog.

    Returns:
        Whether the workflow had it.

    Raises:
        NotFoundError: There is no such term; the message names the nearest.
        UsageError: The catalog predates deriva-ml 1.18, when a workflow had one type only.
    """
    term = find_term(catalog, TYPE_TERMS, name).name
    _require_types(catalog)
    pair = {"Workflow": validate_rid(rid), "Workflow_Type": term}
    return bool(select(catalog, TYPES, where=pair)) and bool(delete(catalog, TYPES, pair))


def set_workflow_types(catalog: Catalog, rid: str, names: Sequence[str]) -> tuple[str, ...]:
    """Give a workflow exactly these types, named by the terms or synonyms. Writes the catalog.

    New types are added before others are removed, so that an interruption leaves no workflow without a type.

    Returns:
        The types, sorted.

    Raises:
        NotFoundError: A name is not a term; the message names the nearest, and nothing is written.
        UsageError: There are no names, or the catalog predates deriva-ml 1.18, when a workflow had one type only.
    """
    if not names:
        raise UsageError(f"workflow {rid} needs at least one type", hint="Give a term of Workflow_Type.")
    types = {find_term(catalog, TYPE_TERMS, name).name for name in names}
    _require_types(catalog)
    current = {str(row["Workflow_Type"]) for row in select(catalog, TYPES, where={"Workflow": validate_rid(rid)})}
    new = [{"Workflow": rid, "Workflow_Type": name} for name in sorted(types - current)]
    if new:
        insert(catalog, TYPES, new, on_conflict="skip")
    for name in sorted(current - types):
        delete(catalog, TYPES, {"Workflow": rid, "Workflow_Type": name})
    return tuple(sorted(types))


def count_by_status(catalog: Catalog, rid: str) -> dict[str, int]:
    """The number of executions of a workflow by status, counted by the server; those without one under ``none``."""
    path = f"/attributegroup/{table_path(EXECUTION)}/{condition('Workflow', [rid])}/Status;n:=cnt(RID)"
    return {str(row["Status"] or "none"): int(row["n"]) for row in read(catalog, path)}


def list_workflow_executions(catalog: Catalog, rid: str, *, limit: int | None = None) -> tuple[list[Row], bool]:
    """The rows of ``Execution`` that ran a workflow, newest first, and whether there are more. Sends one request."""
    path = f"/entity/{table_path(EXECUTION)}/{condition('Workflow', [rid])}"
    return page(catalog, path, sort=("RCT::desc::", "RID"), limit=limit)


def _require_types(catalog: Catalog) -> None:
    if not catalog.schema().has_table(TYPES):
        raise UsageError(
            f"{catalog.target} predates deriva-ml 1.18: a workflow has one type, which is set when it is registered"
        )


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
