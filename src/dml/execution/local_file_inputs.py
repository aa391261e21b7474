"""Files of this machine as inputs: rows of ``File`` that hold a reference (a tag URI, RFC 4151) and no bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dml.asset.file_spec import local_reference
from dml.catalog import required_terms
from dml.execution.unknown_provenance import FILE
from dml.upload.asset_rows import INPUT, OutputFile, insert_assets, link_assets
from dml.workspace import inputs
from dml.workspace.hashing import digest
from dml.workspace.inputs import InputRecord

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession


def link_local_files(session: WorkspaceSession, rid: str, files: Sequence[InputRecord]) -> None:
    """Make each file a row of ``File``, unless it is one, and link it as input. Writes the catalog; may be repeated.

    The reference names host, path and the day the file was last changed, so that the same state of a file is one row.

    Raises:
        NotFoundError: A file is gone.
    """
    table = session.catalog.schema().table(FILE)
    types = required_terms.available(session.catalog, required_terms.ASSET_TYPE, ["File"])
    rows = [_row(one.rid) for one in files]
    placed = insert_assets(session.catalog, table, rows)
    link_assets(session.catalog, table, rid, INPUT, {one.rid: types for one in placed.values()})
    inputs.mark_inputs(session.registry, rid, [(one.kind, one.rid) for one in files], "linked")


def _row(name: str) -> OutputFile:
    path = Path(name)
    seen = digest(path.parent, path)
    return OutputFile(
        key=name,
        url=local_reference(path, seen.identity.mtime_ns, seen.md5_hex),
        filename=path.name,
        length=seen.length,
        md5_hex=seen.md5_hex,
    )
