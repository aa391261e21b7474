"""Staging files: recording outputs of an execution as pending, and taking them back.

Staging a file is one small transaction whose cost does not depend on how many files are staged.
"""

# ruff: noqa: S608 - the names put into statements are this package's constants; values are always bound

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dml.errors import ConflictError
from dml.safe_text import safe
from dml.workspace.assets import AssetRow, get_row, select_row
from dml.workspace.file_identity import FileIdentity
from dml.workspace.layout import asset_key
from dml.workspace.registry import Registry
from dml.workspace.schema import ASSETS

__all__ = ["StagedAsset", "stage_asset", "stage_assets", "unstage_asset"]


@dataclass(frozen=True)
class StagedAsset:
    """A file to stage.

    Attributes:
        schema, table: The asset table of the file.
        filename: The name of the file in the catalog.
        asset_types: Terms of ``Asset_Type``.
        metadata: Values of the table's own columns.
        description: Markdown.
        source: Where the file came from, absolute; None when the program writes it in place.
        method: How it came into the workspace: ``symlink``, ``copy``, ``link``, ``move`` or ``written``.
        identity: The identity of the source; None when there is no file yet.
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


def stage_asset(registry: Registry, execution_rid: str, asset: StagedAsset) -> AssetRow:
    """Record one file as pending; see ``stage_assets``."""
    return stage_assets(registry, execution_rid, [asset])[0]


def stage_assets(registry: Registry, execution_rid: str, assets: Sequence[StagedAsset]) -> list[AssetRow]:
    """Record files as pending, all or none, in one transaction.

    Staging the same source under the same key again changes its types, metadata and description. An uploaded file stays
    uploaded if it has not changed; otherwise it becomes pending and loses its RID.

    Args:
        registry: Open for writing.
        execution_rid: The execution whose outputs they are.
        assets: The files, each with a different key.

    Returns:
        The rows, in the order of ``assets``.

    Raises:
        ConflictError: A key is used for two sources; the message names both, and nothing is recorded.
        UnsafePathError: A table or file name cannot be part of a path.
    """
    keys = [asset_key(asset.table, asset.filename) for asset in assets]
    by_key: dict[str, StagedAsset] = {}
    for key, asset in zip(keys, assets, strict=True):
        if key in by_key:
            raise _already_staged(key, by_key[key].source, asset.source)
        by_key[key] = asset
    with registry.transaction() as connection:
        return [_stage(connection, execution_rid, key, asset, registry.now()) for key, asset in by_key.items()]


def unstage_asset(registry: Registry, execution_rid: str, key: str) -> AssetRow:
    """Remove the record of a staged file that is not uploaded; the file itself is left to the caller.

    Returns:
        The removed row.

    Raises:
        NotFoundError: Nothing is staged under the key.
        ConflictError: The file is uploaded.
    """
    with registry.transaction() as connection:
        row = get_row(connection, execution_rid, key)
        if row.status == "uploaded":
            raise ConflictError(
                f"{safe(key)} of execution {safe(execution_rid)} has already been uploaded (RID {safe(row.rid)})"
            )
        for table, column in ((ASSETS, '"key"'), ("dml_assets", "key"), ("dml_uploads", "key")):
            connection.execute(f"DELETE FROM {table} WHERE execution_rid = ? AND {column} = ?", (execution_rid, key))
        return row


def _stage(connection: sqlite3.Connection, execution_rid: str, key: str, asset: StagedAsset, now: str) -> AssetRow:
    before = select_row(connection, execution_rid, key)
    # deriva-ml records neither source nor method, so its files may be staged again from any source.
    if before is not None and before.source != asset.source and (before.source, before.method) != (None, None):
        raise _already_staged(key, before.source, asset.source)
    is_changed = before is None or asset.identity is None or before.identity != asset.identity
    stays_uploaded = before is not None and before.status == "uploaded" and not is_changed
    described = (json.dumps(list(asset.asset_types)), json.dumps(dict(asset.metadata)), asset.description, now)
    if before is None:
        connection.execute(
            f'INSERT INTO {ASSETS} (asset_types, metadata, description, created_at, updated_at, execution_rid, "key",'
            " asset_table, schema, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
            (*described, now, execution_rid, key, asset.table, asset.schema),
        )
    else:
        reset = "" if stays_uploaded else ", status = 'pending', error = NULL, uploaded_at = NULL"
        # A RID leased for bytes that were never uploaded is used for the new ones; an uploaded file keeps its RID.
        if reset and before.status == "uploaded":
            reset += ", rid = NULL"
        connection.execute(
            f"UPDATE {ASSETS} SET asset_types = ?, metadata = ?, description = ?, updated_at = ?{reset}"
            ' WHERE execution_rid = ? AND "key" = ?',
            (*described, execution_rid, key),
        )
    if not stays_uploaded:
        identity = asset.identity
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
                identity.size if identity else None,
                identity.mtime_ns if identity else None,
                identity.inode if identity else None,
            ),
        )
    return get_row(connection, execution_rid, key)


def _already_staged(key: str, first: str | None, second: str | None) -> ConflictError:
    names = [safe(source) if source else "a file written in place" for source in (first, second)]
    return ConflictError(
        f"{safe(key)} is already staged from {names[0]}, so it cannot be staged from {names[1]}",
        hint="Give one of them another name with --as NAME, or remove the first with `dml exec unstage`.",
    )
