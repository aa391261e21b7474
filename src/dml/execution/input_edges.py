"""The rows of the catalog that record what an execution read: datasets, assets and local files. Safe to repeat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.asset.file_spec import local_reference
from dml.catalog import required_terms
from dml.catalog.rows import insert
from dml.execution.unknown_provenance import DATASET_EXECUTION, FILE
from dml.upload.asset_rows import INPUT, AssetFile, insert_assets, link_assets
from dml.workspace import inputs
from dml.workspace.hashing import digest
from dml.workspace.inputs import InputRecord

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

__all__ = ["link_datasets", "link_inputs"]


def link_inputs(session: WorkspaceSession, rid: str) -> None:
    """Link the declared inputs of an execution to it. Writes the catalog, and marks them linked in the registry.

    Raises:
        NotFoundError: A local file no longer exists.
    """
    declared = [record for record in inputs.list_inputs(session.registry, rid) if record.state == "declared"]
    datasets = [record for record in declared if record.kind == "dataset"]
    if datasets:
        link_datasets(session, rid, datasets)
    for table in sorted({str(record.options["table"]) for record in declared if record.kind == "asset"}):
        members = [record for record in declared if record.kind == "asset" and record.options["table"] == table]
        asset_table = session.catalog.schema().table(table)
        link_assets(session.catalog, asset_table, rid, INPUT, {record.rid: () for record in members})
        _mark_linked(session, rid, members)
    files = [record for record in declared if record.kind == "file"]
    if files:
        _link_local_files(session, rid, files)


def link_datasets(session: WorkspaceSession, rid: str, datasets: Sequence[InputRecord]) -> None:
    """Link datasets to an execution, with the RID of their version where the catalog has a column for it.

    Writes the catalog, and marks them linked in the registry.
    """
    rows: list[dict[str, Any]] = [{"Dataset": record.rid, "Execution": rid} for record in datasets]
    if session.catalog.schema().capabilities.dataset_execution_version:
        for row, record in zip(rows, datasets, strict=True):
            row["Dataset_Version"] = record.version_rid
    insert(session.catalog, DATASET_EXECUTION, rows, on_conflict="skip")
    _mark_linked(session, rid, datasets)


def _link_local_files(session: WorkspaceSession, rid: str, files: Sequence[InputRecord]) -> None:
    """Insert local files as rows of ``File``, which hold a reference (a tag URI, RFC 4151) and no bytes, and link them.

    The reference contains host, path, the day of the last change and the MD5, so that one state of a file is one row.
    """
    table = session.catalog.schema().table(FILE)
    types = required_terms.available(session.catalog, required_terms.ASSET_TYPE, ["File"])
    rows = insert_assets(session.catalog, table, [_asset_file(record.rid) for record in files])
    link_assets(session.catalog, table, rid, INPUT, {row.rid: types for row in rows.values()})
    _mark_linked(session, rid, files)


def _asset_file(name: str) -> AssetFile:
    path = Path(name)
    checksum = digest(path.parent, path)
    return AssetFile(
        key=name,
        url=local_reference(path, checksum.identity.mtime_ns, checksum.md5_hex),
        filename=path.name,
        length=checksum.length,
        md5_hex=checksum.md5_hex,
    )


def _mark_linked(session: WorkspaceSession, rid: str, records: Sequence[InputRecord]) -> None:
    inputs.mark_inputs(session.registry, rid, [(record.kind, record.rid) for record in records], "linked")
