"""The catalog: it exists, it can be written, and its schema has what a run needs."""

from __future__ import annotations

from collections.abc import Iterator

from dml.errors import DmlError
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped, warning

GROUP = "catalog"


def check(context: CheckContext) -> Iterator[Result]:
    """Report the state of the catalog."""
    if context.catalog is None:
        yield skipped(GROUP, "model", context.no_catalog_reason)
        return
    target = context.catalog.catalog.target
    if target.snapshot is not None:
        yield failed(
            GROUP,
            "snapshot",
            f"{target} is a snapshot, which cannot be written",
            f"use the live catalog: --catalog {target.catalog_id}",
        )
    try:
        context.catalog.identity()
    except DmlError:
        yield skipped(GROUP, "model", f"{target.host} did not respond")
        return
    try:
        schema = context.catalog.schema()
    except DmlError as error:
        yield failed(GROUP, "model", f"{target}: {error.message}", error.hint)
        return
    capabilities = schema.capabilities
    if not capabilities.ml_schema:
        yield failed(GROUP, "model", f"{target} has no deriva-ml schema", f"dml catalog init --catalog {target}")
        return
    unsupported = []
    if not capabilities.dataset_execution_version:
        unsupported.append("the version of an input dataset")
    if not capabilities.workflow_type_table and not capabilities.workflow_type_column:
        unsupported.append("workflow types")
    if context.plan.composition and context.plan.composition.is_sweep and not capabilities.nesting:
        message = f"{target} does not support nested executions, which a sweep needs"
        yield failed(GROUP, "nesting", message, "run the jobs one by one")
    if unsupported:
        yield warning(GROUP, "model", f"{target} cannot record {' and '.join(unsupported)}")
    else:
        yield ok(GROUP, "model", f"{target}, schema of deriva-ml {capabilities.version}")
