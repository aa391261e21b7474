"""Registering the outputs of an execution: one file, many, or a tree, each in constant time.

A staged file is recorded in the registry first and brought to ``assets/<Table>/<name>`` then, so that a process that
dies
in between leaves a record by which the next one finishes. deriva-ml reads asset types from the JSONL file beside it,
which is therefore written too. No name is used twice for different files, and nothing is overwritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.asset.placement import Method, move_out, remove_placed, source_identity
from dml.asset.staged_files import ensure_placed, staged_path
from dml.asset.tables import check_metadata
from dml.catalog.indexed_text import require_fits
from dml.errors import ConflictError, DmlError, IllegalTransitionError, NotFoundError, UsageError
from dml.execution.status import ExecutionStatus, effective_status, shown_status
from dml.safe_text import safe
from dml.workspace import assets, executions, journal
from dml.workspace.assets import AssetRow
from dml.workspace.file_identity import FileIdentity
from dml.workspace.files import disk_errors, make_directory, open_inside
from dml.workspace.layout import safe_file_name
from dml.workspace.staging import StagedAsset, stage_assets, unstage_asset

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.workspace.session import WorkspaceSession

TREE_SEPARATOR = "__"
"""Joins the components of a path below a staged directory into one file name: ``a/b/c.png`` becomes ``a__b__c.png``."""


@dataclass(frozen=True)
class StagingRequest:
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


def stage(session: WorkspaceSession, rid: str, table: Table, files: Sequence[StagingRequest]) -> list[AssetRow]:
    """Register files as outputs of an execution, all or none, and bring them to their staged places.

    The same source under the same name again is no error; its types, metadata and description are replaced.

    Args:
        session: Where; its registry is open for writing.
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
    row = executions.get_execution(session.registry, rid)
    if effective_status(row.status) is ExecutionStatus.ABORTED:
        raise IllegalTransitionError(
            f"{rid} is {shown_status(row.status)}: nothing can be added to it", hint="Create a new execution."
        )
    wanted = [_staged_asset(table, file) for file in files]
    found = (assets.find_asset(session.registry, rid, f"{table.name}/{asset.filename}") for asset in wanted)
    before = {staged.key: staged for staged in found if staged is not None}
    with session.registry.transaction():
        rows = stage_assets(session.registry, rid, wanted)
        journal.append(
            session.registry,
            "staged",
            f"{len(rows)} file{'s' * (len(rows) != 1)} into {table.name}",
            execution_rid=rid,
            data={"files": [staged.key for staged in rows[:100]]},
        )
    try:
        for staged in rows:
            _drop_outdated(session, before.get(staged.key), staged)
            ensure_placed(session, staged)
        _write_types(session, rid, table, rows)
    except BaseException as error:
        if isinstance(error, DmlError | OSError):
            _take_back(session, [staged for staged in rows if staged.key not in before])
        raise
    return rows


def unstage(session: WorkspaceSession, rid: str, key: str) -> AssetRow:
    """Forget a staged file that was not uploaded, and remove its copy or link from the workspace; its source stays.

    A file that was moved into the workspace is moved back to where it came from.

    Raises:
        NotFoundError: Nothing is staged under this key.
        ConflictError: It is uploaded, or a file that was moved cannot go back.
    """
    found = assets.find_asset(session.registry, rid, key)
    if found is not None and found.method == Method.MOVE and found.source is not None and found.status != "uploaded":
        _move_back(session, found)
    row = unstage_asset(session.registry, rid, key)
    remove_placed(session.workspace.root, staged_path(session, row))
    journal.append(session.registry, "staged", f"unstaged {key}", execution_rid=rid)
    return row


def walk_tree(directory: Path) -> Iterator[tuple[Path, str]]:
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
            joined = joined_name(path.relative_to(directory).parts)
            if joined in seen:
                raise ConflictError(
                    f"{safe(seen[joined])} and {safe(path)} would both be staged as {safe(joined)}",
                    hint="Rename one of them, or stage the directories one by one with --as.",
                )
            seen[joined] = path
            yield path, joined


def joined_name(parts: Sequence[str]) -> str:
    """The one file name of a path below a staged directory.

    Raises:
        UnsafePathError: A component cannot be part of a file name.
    """
    return safe_file_name(TREE_SEPARATOR.join(safe_file_name(part) for part in parts))


def write_types(session: WorkspaceSession, row: AssetRow) -> None:
    """Append the present types of one staged file to deriva-ml's JSONL file; the last line of a name counts."""
    _append_types(session, row.execution_rid, row.schema, row.asset_table, [row])


def _write_types(session: WorkspaceSession, rid: str, table: Table, rows: Sequence[AssetRow]) -> None:
    _append_types(session, rid, table.schema, table.name, rows)


def _append_types(session: WorkspaceSession, rid: str, schema: str, table: str, rows: Sequence[AssetRow]) -> None:
    lines = "".join(json.dumps({row.filename: list(row.asset_types)}, ensure_ascii=False) + "\n" for row in rows)
    path = session.workspace.types_file(rid, schema, table)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    with disk_errors(path):
        descriptor = open_inside(session.workspace.root, path, flags, make_parents=True)
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


def _staged_asset(table: Table, file: StagingRequest) -> StagedAsset:
    check_metadata(table, file.metadata)
    require_fits(f"The description of {file.name}", file.description)
    for column, value in file.metadata.items():
        require_fits(f"{column} of {file.name}", value)
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


def _drop_outdated(session: WorkspaceSession, before: AssetRow | None, row: AssetRow) -> None:
    """Clear the staged path of what an earlier staging left there, unless that is the very file staged now.

    That something lies there does not make it the file: the source may have been replaced, or be staged in another way.
    A link or copy is removed, its source being elsewhere. Bytes that may be nowhere else (moved here, or written by the
    program, and never uploaded) are kept in the directory ``replaced``.
    """
    path = staged_path(session, row)
    if before is None or not os.path.lexists(path) or _is_current(path, before, row):
        return
    only_copy = before.status != "uploaded" and before.method in (Method.MOVE, Method.WRITTEN, None)
    if path.is_symlink() or not only_copy:
        remove_placed(session.workspace.root, path)
        return
    kept = _keep_replaced(session, row, path)
    note = f"{row.key} is staged again; the bytes it had before are kept in {kept}"
    journal.append(session.registry, "note", note, execution_rid=row.execution_rid)


def _is_current(path: Path, before: AssetRow, row: AssetRow) -> bool:
    """Whether the file at the staged path is the one that is staged now."""
    if row.source is None:
        return before.source is None  # the program goes on with the file that it writes itself
    source = Path(row.source)
    if row.method == Method.SYMLINK:
        return path.is_symlink() and path.readlink() == source
    if path.is_symlink() or not path.is_file():
        return False
    if path.samefile(source):
        return row.method in (Method.LINK, Method.MOVE)  # a move that was interrupted between its two steps
    return row.method == before.method and row.method != Method.MOVE and before.identity == row.identity


def _keep_replaced(session: WorkspaceSession, row: AssetRow, path: Path) -> Path:
    """Move a file out of its staged path to where nothing is overwritten; the new path."""
    directory = session.workspace.execution_directory(row.execution_rid) / "replaced" / path.parent.name
    with disk_errors(directory):
        make_directory(session.workspace.root, directory)
    number = 1
    while os.path.lexists(kept := directory / f"{number}-{path.name}"):
        number += 1
    move_out(path, kept)
    return kept


def _take_back(session: WorkspaceSession, rows: Sequence[AssetRow]) -> None:
    """Forget files that were registered a moment ago and could not be brought to their places."""
    for row in rows:
        path = staged_path(session, row)
        if row.method == Method.MOVE and row.source is not None and not Path(row.source).exists() and path.exists():
            continue  # already moved: it stays staged
        unstage_asset(session.registry, row.execution_rid, row.key)
        if row.method in (Method.SYMLINK, Method.COPY, Method.LINK) and _is_ours(path, row):
            remove_placed(session.workspace.root, path)


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


def _move_back(session: WorkspaceSession, row: AssetRow) -> None:
    path, source = staged_path(session, row), Path(row.source or "")
    if path.exists() and not source.exists():
        move_out(path, source)
    elif path.exists():
        raise ConflictError(
            f"{safe(row.key)} was moved from {safe(source)}, where there is another file now",
            hint="Move that file away, then unstage again.",
        )


def require_staged(session: WorkspaceSession, rid: str, key: str) -> AssetRow:
    """One staged file.

    Raises:
        NotFoundError: Nothing is staged under this key.
    """
    found = assets.find_asset(session.registry, rid, key)
    if found is None:
        raise NotFoundError(f"{rid} has no staged file {safe(key)}", hint=f"dml exec show {rid}")
    return found
