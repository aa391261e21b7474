"""Values of a feature from a file, brought in by an execution of their own.

Everything is checked before the execution is made, so that a wrong file leaves nothing in the catalog.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.catalog.rows import select
from dml.errors import DmlError, NotFoundError, UsageError
from dml.execution import lifecycle
from dml.execution.commit import CommitOptions, commit
from dml.execution.configuration import ExecutionConfiguration
from dml.execution.creation import create
from dml.execution.workflow import Workflow
from dml.feature.staging import check_records, stage_records
from dml.progress import SILENT, Progress

if TYPE_CHECKING:
    from dml.catalog.schema import Feature
    from dml.workspace.session import WorkspaceSession

__all__ = ["LoadedValues", "load_values"]


@dataclass(frozen=True)
class LoadedValues:
    """What came of loading values.

    Attributes:
        rid: RID of the execution that was made for them.
        status: Its status.
        records: How many values were given.
        inserted: How many rows the catalog got.
    """

    rid: str
    status: str
    records: int
    inserted: int


def load_values(
    session: WorkspaceSession,
    feature: Feature,
    records: Sequence[Mapping[str, Any]],
    workflow: Workflow,
    *,
    description: str = "",
    options: CommitOptions | None = None,
    progress: Progress = SILENT,
) -> LoadedValues:
    """Create an execution, stage the values in it and commit it. Writes the registry and the catalog.

    A commit that was interrupted is finished by ``dml exec commit RID``.

    Args:
        session: Where.
        feature: The feature.
        records: Column to value, the described row's RID among them.
        workflow: What loads them.
        description: Of the execution, Markdown.
        options: How to commit.
        progress: Told of each file that goes up.

    Raises:
        UsageError: There are no values, or one does not fit its column.
        NotFoundError: A described row or a term is not in the catalog.
    """
    if not records:
        raise UsageError("There are no values to add")
    checked = check_records(session.catalog, feature, records)
    _require_rows(session, feature, {str(row[feature.target_column]) for row in checked})
    row = create(session, ExecutionConfiguration(workflow=workflow, description=description))
    lifecycle.begin(session, row.rid)
    try:
        number = stage_records(session, row.rid, feature, records)
    except DmlError as error:
        lifecycle.fail(session, row.rid, error.message)
        raise
    lifecycle.stop(session, row.rid)
    report = commit(session, row.rid, options, progress=progress)
    return LoadedValues(row.rid, "Uploaded", number, report.features)


def _require_rows(session: WorkspaceSession, feature: Feature, wanted: set[str]) -> None:
    target = feature.target.qualified_name
    rows = select(session.catalog, target, where={"RID": sorted(wanted)}, columns=["RID"])
    missing = sorted(wanted - {str(row["RID"]) for row in rows})
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise NotFoundError(
            f"{target} has no row {missing[0]}{more}",
            hint=f"The column {feature.target_column} holds RIDs of its rows.",
        )
