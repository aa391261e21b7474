"""Vocabulary that the run itself will need: types of its metadata files and of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dml.execution.catalog_facts import ASSET_TYPE
from dml.preflight.check_context import CheckContext
from dml.preflight.checks.workflow import nearest_terms
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
"""Asset types that executions write; deriva-ml seeds them."""


def check(look: CheckContext) -> Iterator[Result]:
    """Report terms that are missing."""
    if look.catalog is None:
        yield skipped(GROUP, "terms", look.without_catalog)
        return
    known = look.catalog.rows().asset_types
    names = {term.name for term in known}
    missing = [name for name in NEEDED if name not in names]
    table = ASSET_TYPE.rpartition(":")[2]
    for name in missing:
        near = nearest_terms(known, name)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        yield warning(
            GROUP,
            "term",
            f'no term "{name}" in {table}{hint}: files of this type get none',
            f"dml catalog init --catalog {look.catalog.catalog.target}",
            subject=name,
        )
    if not missing:
        yield ok(GROUP, "terms", f"{len(names)} asset types, those of executions among them")
