"""Staging the outputs of an execution that are on disk and in no record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.asset.placement import Method
from dml.asset.tables import asset_table
from dml.catalog import required_terms
from dml.errors import DmlError, RetryableError
from dml.execution.metadata import EXECUTION_METADATA, ML_SCHEMA
from dml.execution.staging import StagingRequest, joined_name, stage
from dml.execution.unrecorded import ASSETS, LOG_NAME, OUTPUTS, find_unrecorded
from dml.safe_text import safe
from dml.workspace.layout import asset_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dml.catalog.model import Table
    from dml.workspace.session import WorkspaceSession

__all__ = ["Recovery", "describe_left", "stage_unrecorded"]

_DEFAULT_TABLE = "Execution_Asset"
_METRICS = frozenset({"metrics.jsonl", "metrics.json"})


@dataclass
class Recovery:
    """What became of the files that no record knew.

    Attributes:
        staged: Keys of the files that are staged now.
        left: Files that could not be staged: path below the execution's directory → why.
    """

    staged: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


def stage_unrecorded(session: WorkspaceSession, rid: str) -> Recovery:
    """Stage the outputs that no record knows: what lies in ``outputs/``, in staged places, and the program's log.

    A file that cannot be staged keeps no other from being staged. Files elsewhere in the execution's directory are
    left alone: they may be a program's scratch. Writes the workspace and the registry; asks the catalog for its tables.

    Raises:
        RetryableError: The disk is full, or the catalog cannot be asked.
    """
    recovery = Recovery()
    root = session.workspace.execution_directory(rid)
    found = [path for path in find_unrecorded(session, rid) if path.parts[0] in (OUTPUTS, ASSETS, LOG_NAME)]
    if not found:
        return recovery
    types: dict[str, dict[str, list[str]]] = {}
    for path in found:
        try:
            table, request = _request(session, rid, root, path, types)
            rows = stage(session, rid, table, [request])
        except RetryableError:
            raise
        except DmlError as error:
            recovery.left[str(path)] = error.message
        else:
            recovery.staged += [row.key for row in rows]
    return recovery


def describe_left(left: Mapping[str, str]) -> str:
    """One line about files that could not be staged: the first with its reason, and how many more there are."""
    path, reason = next(iter(left.items()))
    more = f" (and {len(left) - 1} more)" if len(left) > 1 else ""
    return f"{safe(path)} could not be staged: {reason}{more}"


def _request(
    session: WorkspaceSession, rid: str, root: Path, path: Path, types: dict[str, dict[str, list[str]]]
) -> tuple[Table, StagingRequest]:
    """The table and the request by which a file is staged.

    Raises:
        DmlError: It cannot be staged; the message says why.
    """
    schema = session.catalog.schema()
    if path.parts[0] == LOG_NAME:
        table = schema.table(f"{ML_SCHEMA}:{EXECUTION_METADATA}")
        description = "What the command printed"
        return table, StagingRequest(root / path, LOG_NAME, description=description, method=Method.MOVE)
    if path.parts[0] == ASSETS:
        table = asset_table(schema, path.parts[1])
        asset_key(table.name, path.name)
        if table.qualified_name not in types:
            types[table.qualified_name] = _recorded_types(session, rid, table)
        # The file is at its staged path already; without a source it counts as written there by the program.
        return table, StagingRequest(None, "/".join(path.parts[2:]), types[table.qualified_name].get(path.name, ()))
    if len(path.parts) > 2:
        table, name = asset_table(schema, path.parts[1]), joined_name(path.parts[2:])
    else:
        table = schema.table(f"{ML_SCHEMA}:{EXECUTION_METADATA if path.name in _METRICS else _DEFAULT_TABLE}")
        name = joined_name(path.parts[1:])
    known = required_terms.available(session.catalog, required_terms.ASSET_TYPE, _types_of(table, path.name))
    return table, StagingRequest(root / path, name, known, method=Method.MOVE)


def _types_of(table: Table, filename: str) -> Sequence[str]:
    return ["Metrics_File"] if filename in _METRICS and table.name == EXECUTION_METADATA else [table.name]


def _recorded_types(session: WorkspaceSession, rid: str, table: Table) -> dict[str, list[str]]:
    """The types that a lost registry's staging left beside the files; a line that is cut short is left out."""
    path = session.workspace.types_file(rid, table.schema, table.name)
    types: dict[str, list[str]] = {}
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return types
    for line in lines:
        try:
            entry: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            types |= {
                str(name): [str(term) for term in value] for name, value in entry.items() if isinstance(value, list)
            }
    return types
