"""Registering the outputs of an execution: one file, many, or a tree, each in constant time.

A staged file is recorded in the registry first and brought to ``assets/<Table>/<name>`` then, so that a process that
dies
in between leaves a record by which the next one finishes. deriva-ml reads asset types from the JSONL file beside it,
which is therefore written too. No name is used twice for different files, and nothing is overwritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.asset.placement import Method, move_out, place, remove_placed, source_identity
from dml.errors import ConflictError, DmlError, IllegalTransitionError, NotFoundError, UsageError
from dml.execution.status import ExecutionStatus, effective_status, shown_status
from dml.safe_text import safe
from dml.workspace import assets, executions, journal
from dml.workspace.assets import AssetRow, FileIdentity, StagedAsset
from dml.workspace.files import disk_errors, make_directory, open_inside
from dml.workspace.layout import safe_file_name, split_asset_key

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.workspace.session import Workplace

TREE_SEPARATOR = "__"
"""Joins the components of a path below a staged directory into one file name: ``a/b/c.png`` becomes ``a__b__c.png``."""

_METHODS = {method.value: method for method in Method}


@dataclass(frozen=True)
class Staging:
    """A file to be staged.

    Attributes:
        source: The file; None when the program will write it in its staged place.
        name: Its name in the catalog.
        types: Asset types.
        metadata: Values of the table's own columns.
        description: Markdown.
        method: How it is brought into the workspace.
    """

    source: Path | None
    name: str
    types: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None
    method: Method = Method.SYMLINK


def stage(place_of: Workplace, rid: str, table: Table, files: Sequence[Staging]) -> list[AssetRow]:
    """Register files as outputs of an execution, all or none, and bring them to their staged places.

    The same source under the same name again is no error; its types, metadata and description are replaced.

    Args:
        place_of: Where; its registry is open for writing.
        rid: The execution.
        table: The asset table.
        files: The files; their types and metadata have been checked.

    Raises:
        ConflictError: A name is taken by another source.
        IllegalTransitionError: The execution was aborted.
        NotFoundError: A source does not exist, or the workspace knows no such execution.
        UnsafePathError: A name cannot be a file name.
        RetryableError: The disk is full.
    """
    row = executions.get_execution(place_of.registry, rid)
    if effective_status(row.status) is ExecutionStatus.ABORTED:
        raise IllegalTransitionError(
            f"{rid} is {shown_status(row.status)}: nothing can be added to it", hint="Create a new execution."
        )
    wanted = [_staged_asset(table, file) for file in files]
    found = (assets.find_asset(place_of.registry, rid, f"{table.name}/{asset.filename}") for asset in wanted)
    before = {staged.key: staged for staged in found if staged is not None}
    with place_of.registry.transaction():
        rows = assets.stage_assets(place_of.registry, rid, wanted)
        journal.append(
            place_of.registry,
            "staged",
            f"{len(rows)} file{'s' * (len(rows) != 1)} into {table.name}",
            execution_rid=rid,
            data={"files": [staged.key for staged in rows[:100]]},
        )
    try:
        for staged in rows:
            _drop_outdated(place_of, before.get(staged.key), staged)
            ensure_placed(place_of, staged)
        _write_types(place_of, rid, table, rows)
    except BaseException as error:
        if isinstance(error, DmlError | OSError):
            _take_back(place_of, [staged for staged in rows if staged.key not in before])
        raise
    return rows


def unstage(place_of: Workplace, rid: str, key: str) -> AssetRow:
    """Forget a staged file that was not uploaded, and remove its copy or link from the workspace; its source stays.

    A file that was moved into the workspace is moved back to where it came from.

    Raises:
        NotFoundError: Nothing is staged under this key.
        ConflictError: It is uploaded, or a file that was moved cannot go back.
    """
    found = assets.find_asset(place_of.registry, rid, key)
    if found is not None and found.method == Method.MOVE and found.source is not None and found.status != "uploaded":
        _move_back(place_of, found)
    row = assets.unstage_asset(place_of.registry, rid, key)
    remove_placed(place_of.workspace.root, staged_path(place_of, row))
    journal.append(place_of.registry, "staged", f"unstaged {key}", execution_rid=rid)
    return row


def staged_path(place_of: Workplace, row: AssetRow) -> Path:
    """Where a staged file lies.

    Raises:
        UnsafePathError: The registry holds a name that cannot be a path.
    """
    table, filename = split_asset_key(row.key)
    return place_of.workspace.staged_path(row.execution_rid, table, filename)


def ensure_placed(place_of: Workplace, row: AssetRow) -> Path:
    """The staged place of a registered file, its file brought there if that was interrupted; a file still to be
    written is fine."""
    path = staged_path(place_of, row)
    method = _METHODS.get(row.method or "", Method.WRITTEN)
    if method is Method.WRITTEN or row.source is None:
        _make_parent(place_of, path)
    elif not os.path.lexists(path) and (row.status == "pending" or row.status == "failed"):
        place(place_of.workspace.root, path, Path(row.source), method)
    return path


def tree(directory: Path) -> Iterator[tuple[Path, str]]:
    """The regular files below a directory with the names they are staged under, in the order of their paths.

    A path below the directory becomes one name: its components joined by ``__``. Links to directories are not followed,
    so that a tree has an end.

    Raises:
        UsageError: It is no directory.
        ConflictError: Two paths become the same name.
        UnsafePathError: A component cannot be part of a file name.
    """
    if not directory.is_dir():
        raise UsageError(f"{safe(directory)} is not a directory")
    seen: dict[str, Path] = {}
    for parent, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if not path.is_file():
                continue
            parts = path.relative_to(directory).parts
            joined = safe_file_name(TREE_SEPARATOR.join(safe_file_name(part) for part in parts))
            if joined in seen:
                raise ConflictError(
                    f"{safe(seen[joined])} and {safe(path)} would both be staged as {safe(joined)}",
                    hint="Rename one of them, or stage the directories one by one with --as.",
                )
            seen[joined] = path
            yield path, joined


def check_metadata(table: Table, metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that the table has no column for.

    Raises:
        UsageError: A name is no column of the table; those there are are listed.
    """
    known = [column.name for column in table.metadata_columns]
    unknown = sorted(set(metadata) - set(known))
    if unknown:
        there = f"Its own columns are {', '.join(known)}." if known else "It has no columns of its own."
        raise UsageError(f"{table.qualified_name} has no column {safe(', '.join(unknown))}", hint=there)


def asset_table(tables: Iterable[Table], name: str) -> Table:
    """The asset table of a name, ``Table`` or ``schema:Table``.

    Raises:
        NotFoundError: There is none; the nearest names are in the hint.
        UsageError: Several schemas have one.
    """
    import difflib

    there = [table for table in tables if table.is_asset]
    found = [table for table in there if name in (table.name, table.qualified_name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"Several schemas have an asset table {safe(name)}",
            hint=f"Write {' or '.join(t.qualified_name for t in found)}.",
        )
    names = [table.name for table in there]
    near = difflib.get_close_matches(name, names, 3, 0.5) or sorted(names)[:5]
    raise NotFoundError(
        f"The catalog has no asset table {safe(name)}", hint=f"Nearest: {', '.join(near)}." if near else ""
    )


def write_types(place_of: Workplace, row: AssetRow) -> None:
    """Append the present types of one staged file to deriva-ml's JSONL file; the last line of a name counts."""
    _append_types(place_of, row.execution_rid, row.schema, row.asset_table, [row])


def _write_types(place_of: Workplace, rid: str, table: Table, rows: Sequence[AssetRow]) -> None:
    _append_types(place_of, rid, table.schema, table.name, rows)


def _append_types(place_of: Workplace, rid: str, schema: str, table: str, rows: Sequence[AssetRow]) -> None:
    lines = "".join(json.dumps({row.filename: list(row.asset_types)}, ensure_ascii=False) + "\n" for row in rows)
    path = place_of.workspace.types_file(rid, schema, table)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    with disk_errors(path):
        descriptor = open_inside(place_of.workspace.root, path, flags, make_parents=True)
        try:
            _drop_torn_line(descriptor)
            os.write(descriptor, lines.encode())
        finally:
            os.close(descriptor)


def _drop_torn_line(descriptor: int) -> None:
    """Cut off what a killed writer left behind the last whole line; deriva-ml cannot read a file with such a line."""
    size = os.fstat(descriptor).st_size
    if not size or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    whole = os.pread(descriptor, size, 0).rfind(b"\n") + 1
    os.ftruncate(descriptor, whole)


def _staged_asset(table: Table, file: Staging) -> StagedAsset:
    check_metadata(table, file.metadata)
    identity: FileIdentity | None = None
    source: str | None = None
    if file.source is not None:
        identity = source_identity(file.source)
        source = str(file.source.absolute())
    return StagedAsset(
        schema=table.schema,
        table=table.name,
        filename=safe_file_name(file.name),
        asset_types=tuple(file.types),
        metadata=dict(file.metadata),
        description=file.description,
        source=source,
        method=Method.WRITTEN if source is None else file.method,
        identity=identity,
    )


def _drop_outdated(place_of: Workplace, before: AssetRow | None, row: AssetRow) -> None:
    """Remove the staged copy of a source that has changed since, so that the present bytes are copied."""
    if before is not None and row.method in (Method.COPY, Method.LINK) and before.identity != row.identity:
        remove_placed(place_of.workspace.root, staged_path(place_of, row))


def _take_back(place_of: Workplace, rows: Sequence[AssetRow]) -> None:
    """Forget files that were registered a moment ago and could not be brought to their places."""
    for row in rows:
        path = staged_path(place_of, row)
        if row.method == Method.MOVE and row.source is not None and not Path(row.source).exists() and path.exists():
            continue  # already moved: it stays staged
        assets.unstage_asset(place_of.registry, row.execution_rid, row.key)
        if row.method in (Method.SYMLINK, Method.COPY, Method.LINK) and _is_ours(path, row):
            remove_placed(place_of.workspace.root, path)


def _is_ours(path: Path, row: AssetRow) -> bool:
    """Whether what lies in the place came from this row's source, and not from something that was in the way."""
    if row.method == Method.SYMLINK:
        return path.is_symlink() and str(path.readlink()) == row.source
    return (
        not path.is_symlink()
        and path.is_file()
        and row.identity is not None
        and path.stat().st_size == row.identity.size
    )


def _move_back(place_of: Workplace, row: AssetRow) -> None:
    path, source = staged_path(place_of, row), Path(row.source or "")
    if path.exists() and not source.exists():
        move_out(path, source)
    elif path.exists():
        raise ConflictError(
            f"{safe(row.key)} was moved from {safe(source)}, where there is another file now",
            hint="Move that file away, then unstage again.",
        )


def _make_parent(place_of: Workplace, path: Path) -> None:
    with disk_errors(path.parent):
        make_directory(place_of.workspace.root, path.parent)


def require_staged(place_of: Workplace, rid: str, key: str) -> AssetRow:
    """One staged file.

    Raises:
        NotFoundError: Nothing is staged under this key.
    """
    found = assets.find_asset(place_of.registry, rid, key)
    if found is None:
        raise NotFoundError(f"{rid} has no staged file {safe(key)}", hint=f"dml exec show {rid}")
    return found
