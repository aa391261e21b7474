"""The registry's staged files: deriva-ml's rows, with dml's columns about where each file came from.

The recorded MD5 of a file is trusted while its size, modification time and inode are unchanged, so that it is hashed
once.
"""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from dml.errors import NotFoundError
from dml.safe_text import safe
from dml.workspace.file_identity import FileIdentity
from dml.workspace.redaction import redact
from dml.workspace.registry import Registry
from dml.workspace.rows import known_fields
from dml.workspace.schema import ASSETS, STAGED_FILES
from dml.workspace.times import parse_time

__all__ = [
    "AssetRow",
    "AssetStatus",
    "find_asset",
    "get_row",
    "list_assets",
    "mark_failed",
    "mark_uploaded",
    "record_hashes",
    "record_lease",
    "select_row",
    "update_asset",
]

AssetStatus = Literal["pending", "uploaded", "failed"]


@dataclass(frozen=True)
class AssetRow:
    """One staged file of one execution.

    Attributes:
        key: ``Table/filename``.
        status: ``pending``, ``uploaded`` or ``failed`` (text as stored).
        rid: The leased RID before the upload, the final one after it.
        source, method: As in ``StagedAsset``; None for files that deriva-ml staged.
        identity: The identity of the file when ``md5`` was computed, or when it was staged.
        md5: In hexadecimal; None when not computed for this identity.
        url: The path of the object once it is known.
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
        """The file name in the key, as stored; check it with ``split_asset_key`` before using it in a path."""
        return self.key.partition("/")[2]


def list_assets(
    registry: Registry, execution_rid: str | None = None, *, statuses: Iterable[str] | None = None
) -> list[AssetRow]:
    """Staged files, by execution and key.

    Args:
        registry: The registry.
        execution_rid: Only of this execution; all when None.
        statuses: Only in these statuses.
    """
    conditions, values = ["TRUE"], []
    if execution_rid is not None:
        conditions.append("a.execution_rid = ?")
        values.append(execution_rid)
    if statuses is not None:
        conditions.append("a.status IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(statuses)))
    query = f'{STAGED_FILES} WHERE {" AND ".join(conditions)} ORDER BY a.execution_rid, a."key"'
    return registry.read(lambda connection: [_row(row) for row in connection.execute(query, values)])


def find_asset(registry: Registry, execution_rid: str, key: str) -> AssetRow | None:
    """One staged file, or None."""
    return registry.read(lambda connection: select_row(connection, execution_rid, key))


def update_asset(
    registry: Registry,
    execution_rid: str,
    key: str,
    *,
    asset_types: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> AssetRow:
    """Change the description of a staged file; values that are None stay as they are.

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
        return get_row(connection, execution_rid, key)


def record_hashes(registry: Registry, execution_rid: str, hashes: Mapping[str, tuple[FileIdentity, str]]) -> None:
    """Record the MD5 (hexadecimal) of staged files with their identity while hashed, by key, in one transaction."""
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
    """Record the leased RIDs of staged files, by key, in one transaction; an uploaded file keeps its RID."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            f"UPDATE {ASSETS} SET rid = ?, updated_at = ?"
            " WHERE execution_rid = ? AND \"key\" = ? AND status <> 'uploaded'",
            [(rid, now, execution_rid, key) for key, rid in leases.items()],
        )


def mark_uploaded(registry: Registry, execution_rid: str, confirmed: Mapping[str, tuple[str, str | None]]) -> None:
    """Record in one transaction that the catalog confirmed files: key → (final RID, object URL or None).

    The final RID differs from the leased one when the catalog already had the same content.
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
    """Record, without secrets, why files did not reach the catalog, by key; they remain pending work."""
    now = registry.now()
    with registry.transaction() as connection:
        connection.executemany(
            f"UPDATE {ASSETS} SET status = 'failed', error = ?, updated_at = ?"
            " WHERE execution_rid = ? AND \"key\" = ? AND status <> 'uploaded'",
            [(redact(message), now, execution_rid, key) for key, message in errors.items()],
        )


def select_row(connection: sqlite3.Connection, execution_rid: str, key: str) -> AssetRow | None:
    """One staged file, inside a transaction of the caller; None when nothing is staged under the key."""
    query = f'{STAGED_FILES} WHERE a.execution_rid = ? AND a."key" = ?'
    row = connection.execute(query, (execution_rid, key)).fetchone()
    return None if row is None else _row(row)


def get_row(connection: sqlite3.Connection, execution_rid: str, key: str) -> AssetRow:
    """One staged file, inside a transaction of the caller.

    Raises:
        NotFoundError: Nothing is staged under the key.
    """
    row = select_row(connection, execution_rid, key)
    if row is None:
        raise NotFoundError(
            f"execution {safe(execution_rid)} has no staged file {safe(key)}",
            hint=f"`dml exec show {safe(execution_rid)}` lists its files.",
        )
    return row


def _row(row: sqlite3.Row) -> AssetRow:
    values = known_fields(AssetRow, row)
    if None not in (row["size"], row["mtime_ns"], row["inode"]):
        values["identity"] = FileIdentity(row["size"], row["mtime_ns"], row["inode"])
    types, metadata = _json(row["asset_types"]), _json(row["metadata"])
    values["asset_types"] = tuple(map(str, types)) if isinstance(types, list) else ()
    values["metadata"] = metadata if isinstance(metadata, dict) else {}
    for name in ("uploaded_at", "created_at", "updated_at"):
        values[name] = parse_time(values[name])
    return AssetRow(**values)


def _json(text: str | None) -> Any:
    """The value of a JSON column, which another program may have written; None when it is not JSON."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
