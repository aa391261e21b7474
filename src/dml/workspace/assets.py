"""The registry's staged files: deriva-ml's rows, and beside them where each came from and what it was when last seen.

Staging one file is one small transaction whose time does not depend on how many there are. What the file's bytes are is
trusted only while size, time of modification and inode are the same; then nothing is hashed again.
"""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from dml.errors import ConflictError, NotFoundError
from dml.safe_text import safe
from dml.workspace.layout import asset_key
from dml.workspace.pending import Pending, pending_work
from dml.workspace.redaction import redact
from dml.workspace.registry import Registry
from dml.workspace.rows import values_for
from dml.workspace.schema import ASSETS
from dml.workspace.times import read_time

__all__ = [
    "AssetRow",
    "AssetStatus",
    "FileIdentity",
    "Pending",
    "StagedAsset",
    "find_asset",
    "list_assets",
    "mark_failed",
    "mark_uploaded",
    "pending_work",
    "record_hashes",
    "record_lease",
    "stage_asset",
    "stage_assets",
    "unstage_asset",
    "update_asset",
]

AssetStatus = Literal["pending", "uploaded", "failed"]


@dataclass(frozen=True)
class FileIdentity:
    """What a file was when it was looked at: size in bytes, time of modification in ns, inode."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        """The identity in a stat result."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(frozen=True)
class StagedAsset:
    """A file to be staged.

    Attributes:
        source: Where it came from, absolute; None when the program writes it in place.
        method: How it came into the workspace: ``symlink``, ``copy``, ``link``, ``move`` or ``written``.
        identity: What the source was; None when there is nothing yet.
    """

    schema: str
    table: str
    filename: str
    asset_types: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None
    source: str | None = None
    method: str | None = None
    identity: FileIdentity | None = None


@dataclass(frozen=True)
class AssetRow:
    """One staged file of one execution.

    Attributes:
        key: ``Table/filename``.
        status: ``pending``, ``uploaded`` or ``failed`` (text as stored).
        rid: Leased before the upload, final after it.
        source: As in ``StagedAsset``; None for files that deriva-ml staged.
        identity: What the staged file was when ``md5`` was computed, or when it was staged.
        md5: Hexadecimal; None when not computed for this identity.
        url: The object's path once it is known.
    """

    execution_rid: str
    key: str
    asset_table: str
    schema: str
    asset_types: tuple[str, ...]
    metadata: Mapping[str, Any]
    description: str | None
    status: str
    rid: str | None
    uploaded_at: datetime | None
    error: str | None
    created_at: datetime | None
    updated_at: datetime | None
    source: str | None = None
    method: str | None = None
    identity: FileIdentity | None = None
    md5: str | None = None
    url: str | None = None

    @property
    def filename(self) -> str:
        """The name in the key, as stored; pass it through ``split_asset_key`` before making a path of it."""
        return self.key.partition("/")[2]


_SELECT = (
    f"SELECT a.*, x.source, x.method, x.size, x.mtime_ns, x.inode, x.md5, x.url FROM {ASSETS} AS a"
    ' LEFT JOIN dml_assets AS x ON x.execution_rid = a.execution_rid AND x.key = a."key"'
)


def stage_asset(registry: Registry, execution_rid: str, asset: StagedAsset) -> AssetRow:
    """Record one file as pending; see ``stage_assets``."""
    return stage_assets(registry, execution_rid, [asset])[0]


def stage_assets(registry: Registry, execution_rid: str, assets: Sequence[StagedAsset]) -> list[AssetRow]:
    """Record files as pending, all or none, in one transaction.

    The same source under the same key again changes types, metadata and description; an uploaded one stays uploaded
    while the file is the same, and becomes pending without its RID when the file changed.

    Args:
        registry: Open for writing.
        execution_rid: Whose outputs they are.
        assets: The files; a key may occur once.

    Returns:
        The rows, in the order of ``assets``.

    Raises:
        ConflictError: A key is taken by another source; both are named, nothing is recorded.
        UnsafePathError: A table or file name cannot be a path.
    """
    keys = [asset_key(asset.table, asset.filename) for asset in assets]
    first: dict[str, StagedAsset] = {}
    for key, asset in zip(keys, assets, strict=True):
        if key in first:
            raise _taken(key, first[key].source, asset.source)
        first[key] = asset
    with registry.transaction() as connection:
        return [_stage(connection, execution_rid, key, asset, registry.now()) for key, asset in first.items()]


def unstage_asset(registry: Registry, execution_rid: str, key: str) -> AssetRow:
    """Forget a staged file that was not uploaded; the file itself is the caller's.

    Returns:
        The row as it was.

    Raises:
        NotFoundError: Nothing is staged under the key.
        ConflictError: It is uploaded.
    """
    with registry.transaction() as connection:
        row = _one(connection, execution_rid, key)
        if row.status == "uploaded":
            raise ConflictError(f"{safe(key)} of {safe(execution_rid)} is uploaded already (RID {safe(row.rid)})")
        for table, column in ((ASSETS, '"key"'), ("dml_assets", "key"), ("dml_uploads", "key")):
            connection.execute(f"DELETE FROM {table} WHERE execution_rid = ? AND {column} = ?", (execution_rid, key))
        return row


def list_assets(
    registry: Registry, execution_rid: str | None = None, *, statuses: Iterable[str] | None = None
) -> list[AssetRow]:
    """Staged files, by execution and key.

    Args:
        registry: The registry.
        execution_rid: Only of this execution; all when None.
        statuses: Only in these statuses.
    """
    conditions, values = ["(? IS NULL OR a.execution_rid = ?)"], [execution_rid, execution_rid]
    if statuses is not None:
        conditions.append("a.status IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(statuses)))
    if execution_rid is not None:
        conditions[0], values[:2] = "a.execution_rid = ?", [execution_rid]
    query = f'{_SELECT} WHERE {" AND ".join(conditions)} ORDER BY a.execution_rid, a."key"'
    return registry.read(lambda connection: [_row(row) for row in connection.execute(query, values)])


def find_asset(registry: Registry, execution_rid: str, key: str) -> AssetRow | None:
    """One staged file, or None."""
    return registry.read(lambda connection: _found(connection, execution_rid, key))


def update_asset(
    registry: Registry,
    execution_rid: str,
    key: str,
    *,
    asset_types: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> AssetRow:
    """Change what is said about a staged file; None leaves a part as it is.

    Raises:
        NotFoundError: Nothing is staged under the key.
    """
    changes: dict[str, Any] = {"updated_at": registry.now()}
    if asset_types is not None:
        changes["asset_types"] = json.dumps(list(asset_types))
    if metadata is not None:
        changes["metadata"] = json.dumps(dict(metadata))
    if description is not None:
        changes["description"] = description
    assignments = ", ".join(f"{name} = ?" for name in changes)
    with registry.transaction() as connection:
        connection.execute(
            f'UPDATE {ASSETS} SET {assignments} WHERE execution_rid = ? AND "key" = ?',
            [*changes.values(), execution_rid, key],
        )
        return _one(connection, execution_rid, key)


def record_hashes(registry: Registry, execution_rid: str, hashes: Mapping[str, tuple[FileIdentity, str]]) -> None:
    """Store the MD5 (hexadecimal) of staged files with the identity they had while hashed, one transaction for all."""
    values = [
        (execution_rid, key, identity.size, identity.mtime_ns, identity.inode, md5)
        for key, (identity, md5) in hashes.items()
    ]
    with registry.transaction() as connection:
        connection.executemany(
            "INSERT INTO dml_assets (execution_rid, key, size, mtime_ns, inode, md5) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (execution_rid, key) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
            " inode = excluded.inode, md5 = excluded.md5",
            values,
        )


def record_lease(registry: Registry, execution_rid: str, leases: Mapping[str, str]) -> None:
    """Store the leased RIDs of staged files by key, one transaction for all; an uploaded file keeps its own."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            f"UPDATE {ASSETS} SET rid = ?, updated_at = ?"
            " WHERE execution_rid = ? AND \"key\" = ? AND status <> 'uploaded'",
            [(rid, now, execution_rid, key) for key, rid in leases.items()],
        )


def mark_uploaded(registry: Registry, execution_rid: str, confirmed: Mapping[str, tuple[str, str | None]]) -> None:
    """Record that the catalog confirmed files: key → (final RID, object URL or None), one transaction for all.

    The final RID may differ from the leased one, when the catalog had the same content already.
    """
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            f"UPDATE {ASSETS} SET status = 'uploaded', rid = ?, uploaded_at = ?, updated_at = ?, error = NULL"
            ' WHERE execution_rid = ? AND "key" = ?',
            [(rid, now, now, execution_rid, key) for key, (rid, _) in confirmed.items()],
        )
        connection.executemany(
            "INSERT INTO dml_assets (execution_rid, key, url) VALUES (?, ?, ?)"
            " ON CONFLICT (execution_rid, key) DO UPDATE SET url = coalesce(excluded.url, url)",
            [(execution_rid, key, url) for key, (_, url) in confirmed.items()],
        )
        connection.executemany(
            "DELETE FROM dml_uploads WHERE execution_rid = ? AND key = ?", [(execution_rid, key) for key in confirmed]
        )


def mark_failed(registry: Registry, execution_rid: str, errors: Mapping[str, str]) -> None:
    """Record why files did not reach the catalog, by key; they stay pending work. Secrets are taken out."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            f"UPDATE {ASSETS} SET status = 'failed', error = ?, updated_at = ?"
            " WHERE execution_rid = ? AND \"key\" = ? AND status <> 'uploaded'",
            [(redact(message), now, execution_rid, key) for key, message in errors.items()],
        )


def _stage(connection: sqlite3.Connection, execution_rid: str, key: str, asset: StagedAsset, now: str) -> AssetRow:
    before = _found(connection, execution_rid, key)
    if before is not None and before.source != asset.source and not (before.source is None and before.method is None):
        raise _taken(key, before.source, asset.source)
    changed = before is None or asset.identity is None or before.identity is None or before.identity != asset.identity
    keep = before is not None and before.status == "uploaded" and not changed
    described = (json.dumps(list(asset.asset_types)), json.dumps(dict(asset.metadata)), asset.description, now)
    if before is None:
        connection.execute(
            f'INSERT INTO {ASSETS} (asset_types, metadata, description, created_at, updated_at, execution_rid, "key",'
            " asset_table, schema, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
            (*described, now, execution_rid, key, asset.table, asset.schema),
        )
    else:
        # A RID leased for bytes that never went up still serves; that of uploaded bytes belongs to them.
        again = "" if keep else ", status = 'pending', error = NULL, uploaded_at = NULL"
        if again and before.status == "uploaded":
            again += ", rid = NULL"
        connection.execute(
            f"UPDATE {ASSETS} SET asset_types = ?, metadata = ?, description = ?, updated_at = ?{again}"
            ' WHERE execution_rid = ? AND "key" = ?',
            (*described, execution_rid, key),
        )
    if not keep:
        seen = asset.identity
        connection.execute(
            "INSERT INTO dml_assets (execution_rid, key, source, method, size, mtime_ns, inode)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (execution_rid, key) DO UPDATE SET"
            " source = excluded.source, method = excluded.method,"
            " md5 = CASE WHEN size IS excluded.size AND mtime_ns IS excluded.mtime_ns AND inode IS excluded.inode"
            " THEN md5 END,"
            " size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode, url = NULL",
            (
                execution_rid,
                key,
                asset.source,
                asset.method,
                seen.size if seen else None,
                seen.mtime_ns if seen else None,
                seen.inode if seen else None,
            ),
        )
    return _one(connection, execution_rid, key)


def _taken(key: str, first: str | None, second: str | None) -> ConflictError:
    names = [safe(source) if source else "a file written in place" for source in (first, second)]
    return ConflictError(
        f"{safe(key)} is staged from {names[0]} already and cannot be staged from {names[1]}",
        hint="Give one of them another name with --as NAME, or unstage the first.",
    )


def _found(connection: sqlite3.Connection, execution_rid: str, key: str) -> AssetRow | None:
    row = connection.execute(f'{_SELECT} WHERE a.execution_rid = ? AND a."key" = ?', (execution_rid, key)).fetchone()
    return None if row is None else _row(row)


def _one(connection: sqlite3.Connection, execution_rid: str, key: str) -> AssetRow:
    row = _found(connection, execution_rid, key)
    if row is None:
        raise NotFoundError(
            f"{safe(execution_rid)} has no staged file {safe(key)}", hint=f"dml exec show {safe(execution_rid)}"
        )
    return row


def _row(row: sqlite3.Row) -> AssetRow:
    values = values_for(AssetRow, row)
    if None not in (row["size"], row["mtime_ns"], row["inode"]):
        values["identity"] = FileIdentity(row["size"], row["mtime_ns"], row["inode"])
    types, metadata = _json(row["asset_types"]), _json(row["metadata"])
    values["asset_types"] = tuple(map(str, types)) if isinstance(types, list) else ()
    values["metadata"] = metadata if isinstance(metadata, dict) else {}
    for name in ("uploaded_at", "created_at", "updated_at"):
        values[name] = read_time(values[name])
    return AssetRow(**values)


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
