"""Registered workflows, read from the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dml.catalog.rows import select
from dml.catalog.schema import WORKFLOW
from dml.errors import NotFoundError, UsageError
from dml.execution.workflow import Workflow

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.execution.workplace import Workplace

__all__ = ["add_workflow", "find_workflows", "lookup_workflow_by_url"]

_TYPES = "deriva-ml:Workflow_Workflow_Type"


def find_workflows(catalog: Catalog, where: Mapping[str, str] | None = None) -> list[Workflow]:
    """The registered workflows with their types, by creation; two requests.

    Args:
        catalog: Where.
        where: Column of ``Workflow`` to value; all of them when None.

    Raises:
        NotFoundError: There is a condition and none fulfils it.
    """
    rows = select(catalog, WORKFLOW, where=where or {}, sort=("RCT", "RID"))
    if where and not rows:
        raise NotFoundError(f"The catalog has no workflow {', '.join(where.values())}")
    types: dict[str, list[str]] = {}
    if catalog.schema().has_table(_TYPES):
        pairs = select(catalog, _TYPES, where={"Workflow": [row["RID"] for row in rows]} if where else {})
        for pair in pairs:
            types.setdefault(str(pair["Workflow"]), []).append(str(pair["Workflow_Type"]))
    else:
        types = {str(row["RID"]): [str(row["Workflow_Type"])] for row in rows if row.get("Workflow_Type")}
    return [
        Workflow(
            row.get("Name") or row["RID"],
            sorted(types.get(str(row["RID"]), ())),
            row.get("Description") or "",
            url=row.get("URL"),
            checksum=row.get("Checksum"),
            version=row.get("Version"),
            workflow_rid=row["RID"],
        )
        for row in rows
    ]


def lookup_workflow_by_url(catalog: Catalog, url_or_checksum: str) -> Workflow:
    """A registered workflow by its URL, else by its checksum.

    Raises:
        NotFoundError: There is none.
    """
    for column in ("URL", "Checksum"):
        if catalog.schema().has_column(WORKFLOW, column):
            try:
                return find_workflows(catalog, {column: url_or_checksum})[0]
            except NotFoundError:
                continue
    raise NotFoundError(f"The catalog has no workflow {url_or_checksum}")


def add_workflow(place: Workplace, workflow: Workflow) -> str:
    """The RID of a workflow, registered unless the catalog has it. Writes registry and catalog.

    Raises:
        ConflictError: The code has uncommitted changes.
        UsageError: No source can be found.
    """
    from dml.workflow.registration import register

    if workflow.workflow_rid is not None:
        return workflow.workflow_rid
    if not workflow.workflow_type:
        raise UsageError(f"The workflow {workflow.name} has no type", hint="Give workflow_type=.")
    return register(
        place.catalog,
        name=workflow.name,
        types=workflow.workflow_type,
        source=workflow.locate(),
        description=workflow.description,
        intents=place.registry,
    )
