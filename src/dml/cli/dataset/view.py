"""Datasets, versions and members as JSON payloads and on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dml.cli.app.output import Cell, Column, Console
from dml.formatting import format_relative_time, pluralize

if TYPE_CHECKING:
    from dml.dataset.records import Dataset, VersionRow

__all__ = ["dataset_document", "print_counts", "print_datasets", "print_versions", "version_document"]


_DASH = "\N{EN DASH}"


def dataset_document(dataset: Dataset) -> dict[str, Any]:
    """A dataset as JSON values."""
    current = dataset.current
    return {
        "rid": dataset.rid,
        "description": dataset.description,
        "types": list(dataset.types),
        "version": current.text if current else None,
        "snapshot": current.snapshot if current else None,
        "versions": len(dataset.versions),
        "deleted": dataset.deleted,
        "created": dataset.created,
    }


def version_document(row: VersionRow) -> dict[str, Any]:
    """A version as JSON values."""
    return {
        "version": row.text,
        "rid": row.rid,
        "state": version_state(row),
        "snapshot": row.snapshot,
        "execution": row.execution,
        "minid": row.minid,
        "description": row.description,
        "created": row.created,
    }


def version_state(row: VersionRow) -> str:
    """``released``, ``development``, or ``unfinished`` for a release that was interrupted."""
    if row.is_development:
        return "development"
    return "unfinished" if row.is_unfinished else "released"


def print_datasets(console: Console, datasets: Sequence[Dataset]) -> None:
    """Print one line per dataset."""
    if not datasets:
        console.print("no datasets")
        return
    console.table(
        [
            Column("RID", whole=True),
            Column("version", whole=True),
            Column("types"),
            Column("created"),
            Column("description"),
        ],
        [
            (
                dataset.rid,
                dataset.current.text if dataset.current else _DASH,
                ", ".join(dataset.types) or _DASH,
                _when(dataset.current.created if dataset.current else dataset.created),
                Cell(f"deleted · {dataset.description}", "bright_black") if dataset.deleted else dataset.description,
            )
            for dataset in datasets
        ],
    )


def print_versions(console: Console, versions: Sequence[VersionRow]) -> None:
    """Print one line per version, newest first."""
    if not versions:
        console.print("no versions")
        return
    console.table(
        [
            Column("version", whole=True),
            Column("state"),
            Column("execution", whole=True),
            Column("snapshot", whole=True),
            Column("created"),
            Column("description"),
        ],
        [
            (
                row.text,
                version_state(row),
                row.execution or _DASH,
                row.snapshot or "live",
                _when(row.created),
                row.description,
            )
            for row in versions
        ],
    )


def print_counts(console: Console, counts: Mapping[str, int]) -> None:
    """How many elements of each table."""
    if not counts:
        console.print("  no members")
    for table, number in sorted(counts.items()):
        console.print(f"  {table.partition(':')[2]}  {pluralize(number, 'member')}")


def _when(text: str) -> str:
    try:
        return format_relative_time(datetime.fromisoformat(text))
    except ValueError:
        return _DASH
