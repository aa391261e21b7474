"""The catalog: it is there, can be written, and its model has what a run needs."""

from __future__ import annotations

from collections.abc import Iterator

from dml.errors import DmlError
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped, warning

GROUP = "catalog"


def check(look: CheckContext) -> Iterator[Result]:
    """Report the state of the catalog."""
    if look.catalog is None:
        yield skipped(GROUP, "model", look.without_catalog)
        return
    target = look.catalog.catalog.target
    if target.snapshot is not None:
        yield failed(
            GROUP,
            "snapshot",
            f"{target} is a snapshot, which cannot be written",
            f"--catalog {target.catalog_id}",
        )
    try:
        look.catalog.identity()
    except DmlError:
        yield skipped(GROUP, "model", f"{target.host} did not answer")
        return
    try:
        schema = look.catalog.schema()
    except DmlError as error:
        yield failed(GROUP, "model", f"{target}: {error.message}", error.hint)
        return
    able = schema.capabilities
    if not able.ml_schema:
        yield failed(GROUP, "model", f"{target} has no schema deriva-ml", f"dml catalog init --catalog {target}")
        return
    lacking = []
    if not able.dataset_execution_version:
        lacking.append("the version of an input dataset")
    if not able.workflow_type_table and not able.workflow_type_column:
        lacking.append("types of workflows")
    if look.subject.composition and look.subject.composition.is_sweep and not able.nesting:
        yield failed(
            GROUP, "nesting", f"{target} is older than nested executions, which a sweep needs", "run the jobs singly"
        )
    if lacking:
        yield warning(GROUP, "model", f"{target} has no place for {' and '.join(lacking)}")
    else:
        yield ok(GROUP, "model", f"{target}, a model of deriva-ml {able.version}")
