"""Vocabulary terms that every run needs: the types of its metadata files, inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dml.execution.catalog_facts import ASSET_TYPE
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, ok, skipped, warning

GROUP = "vocabulary"

NEEDED: Final = (
    "Deriva_Config",
    "Execution_Config",
    "Hydra_Config",
    "Runtime_Env",
    "Input_File",
    "Output_File",
    "Model_File",
)
"""Asset types that executions use; a catalog with the deriva-ml schema normally has them."""


def check(context: CheckContext) -> Iterator[Result]:
    """Report terms that are missing."""
    if context.catalog is None:
        yield skipped(GROUP, "terms", context.no_catalog_reason)
        return
    known = context.catalog.rows().asset_types
    names = {term.name for term in known}
    missing = [name for name in NEEDED if name not in names]
    table = ASSET_TYPE.rpartition(":")[2]
    for name in missing:
        yield warning(
            GROUP,
            "term",
            f'no term "{name}" in {table}: files of this type will have no type',
            f"dml catalog init --catalog {context.catalog.catalog.target}",
            subject=name,
        )
    if not missing:
        yield ok(GROUP, "terms", f"{len(names)} asset types, including those that executions need")
