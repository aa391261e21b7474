"""Rows of asset tables, and their associations with executions and types.

Every function here can be repeated: an asset row is identified by its URL, which contains the MD5 of its content, and
an association by its key. Rows that exist already are left unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dml.asset.associations import execution_association, type_association
from dml.catalog import required_terms
from dml.catalog.rows import Row, insert, select, update
from dml.errors import ConflictError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

INPUT, OUTPUT = "Input", "Output"
DIRECTION_TAGS = {INPUT: "Input_File", OUTPUT: "Output_File"}
"""Asset type that every asset gets in addition to its own, by its role in the execution."""

_COLUMNS = ("RID", "URL", "Filename", "Length", "MD5", "Description")


@dataclass(frozen=True)
class AssetFile:
    """A file to insert as a row of an asset table.

    Attributes:
        key: ``Table/filename`` as in the registry; for a file by reference, the reference.
        url: Path of the object, ``/hatrac/<Table>/<md5>.<filename>``, or a reference.
        filename: File name shown to users.
        length: Size in bytes.
        md5_hex: MD5 of the content.
        description: Description of the file, Markdown.
        metadata: Values of the table's metadata columns.
    """

    key: str
    url: str
    filename: str
    length: int
    md5_hex: str
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredAsset:
    """The catalog's row of a file.

    Attributes:
        rid: RID of the row.
        url: Its URL; in older rows it may end in a version.
        shared: Whether the row existed before this commit.
        description: Its description.
    """

    rid: str
    url: str
    shared: bool
    description: str | None


def find_identical(catalog: Catalog, table: Table, files: Sequence[AssetFile]) -> dict[str, StoredAsset]:
    """Rows of the table with the same content and name as the given files, by key; one request a page of checksums.

    MD5 and length must agree, and the file name or the URL; in older rows the URL ends in a version.
    """
    if not files:
        return {}
    candidates: dict[str, list[Row]] = {}
    checksums = sorted({file.md5_hex for file in files})
    for row in select(catalog, table.qualified_name, where={"MD5": checksums}, columns=_COLUMNS):
        candidates.setdefault(str(row["MD5"]), []).append(row)
    matches = ((file.key, _match(file, candidates.get(file.md5_hex, ()))) for file in files)
    return {key: _stored(row, shared=True) for key, row in matches if row is not None}


def insert_assets(catalog: Catalog, table: Table, files: Sequence[AssetFile]) -> dict[str, StoredAsset]:
    """Insert the rows of files that are not in the catalog yet, and return the rows of all of them by key.

    Writes the catalog, in pages. The bytes of the files must be stored before.

    Raises:
        ConflictError: A row conflicts with another row in a column other than the URL, or refers to a row or term that
            does not exist.
    """
    values, defaults = _values(table, files)
    name = table.qualified_name
    by_url = {
        str(row["URL"]): _stored(row, shared=False)
        for row in insert(catalog, name, values, on_conflict="skip", defaults=defaults)
    }
    skipped = [file.url for file in files if file.url not in by_url]
    if skipped:
        for row in select(catalog, name, where={"URL": skipped}, columns=_COLUMNS):
            by_url[str(row["URL"])] = _stored(row, shared=True)
    refused = [file.key for file in files if file.url not in by_url]
    if refused:
        raise ConflictError(
            f"{safe(refused[0])} cannot be inserted: another row of {name} has the same value in a unique column",
            hint="Change its metadata, then commit again.",
        )
    return {file.key: by_url[file.url] for file in files}


def link_assets(
    catalog: Catalog,
    table: Table,
    execution_rid: str,
    role: str,
    types: Mapping[str, Iterable[str]],
    *,
    with_types: bool = True,
) -> None:
    """Link assets to an execution and add their types, including the type of their role. Writes the catalog.

    Args:
        catalog: The catalog.
        table: The asset table.
        execution_rid: The execution.
        role: ``Input`` or ``Output``.
        types: RID of each asset → its types.
        with_types: Whether to write the types; False when they are known to be present.

    Raises:
        ConflictError: The table has no association with executions.
    """
    if not types:
        return
    calls = [_insert_execution_edges(catalog, table, execution_rid, role, types)]
    association = type_association(catalog.schema(), table) if with_types else None
    if association is not None:
        role_type = required_terms.available(catalog, required_terms.ASSET_TYPE, [DIRECTION_TAGS[role]])
        rows = [
            {association.asset_column: rid, association.other_column: name}
            for rid, names in types.items()
            for name in dict.fromkeys((*names, *role_type))
        ]
        if rows:
            calls.append(partial(insert, catalog, association.table, rows, on_conflict="skip"))
    for call in calls:  # in sequence, because a server aborts one of two writes that overlap
        call()


def add_descriptions(catalog: Catalog, table: Table, descriptions: Mapping[str, str]) -> None:
    """Set the descriptions of rows, by RID. Writes the catalog."""
    rows = [{"RID": rid, "Description": text} for rid, text in descriptions.items()]
    if rows:
        update(catalog, table.qualified_name, rows, columns=["Description"])


def _insert_execution_edges(
    catalog: Catalog, table: Table, execution_rid: str, role: str, rids: Iterable[str]
) -> Callable[[], list[Row]]:
    association = execution_association(catalog.schema(), table)
    if association is None:
        raise ConflictError(
            f"{table.qualified_name} has no association with executions",
            hint="Stage into a table made with `create_asset`, or into Execution_Asset.",
        )
    rows = [
        {association.asset_column: rid, association.other_column: execution_rid, "Asset_Role": role} for rid in rids
    ]
    return partial(insert, catalog, association.table, rows, on_conflict="skip")


def _values(table: Table, files: Sequence[AssetFile]) -> tuple[list[Row], list[str]]:
    """The rows to send, and the columns in which all of them take the default.

    ERMrest stores null in a column that a POST leaves out, and takes the default only in columns that the request
    names. Where only some rows lack a value, the default is therefore written out.
    """
    rows: list[Row] = [
        {
            "URL": file.url,
            "Filename": file.filename,
            "Length": file.length,
            "MD5": file.md5_hex,
            "Description": file.description,
            **file.metadata,
        }
        for file in files
    ]
    defaults = []
    for column in table.metadata_columns:
        if column.default is None:
            continue
        without_value = [row for row in rows if row.get(column.name) is None]
        if len(without_value) == len(rows):
            defaults.append(column.name)
        else:
            for row in without_value:
                row[column.name] = column.default
    return rows, defaults


def _match(file: AssetFile, candidates: Sequence[Row]) -> Row | None:
    """The row with the same content, preferably the one with the same URL; the choice is the same in every commit."""
    same = [row for row in candidates if row.get("Length") == file.length and _is_same_object(file, row)]
    return min(same, key=lambda row: (row["URL"] != file.url, str(row["RID"])), default=None)


def _is_same_object(file: AssetFile, row: Row) -> bool:
    url = str(row["URL"])
    path = urlsplit(url).path if "://" in url else url
    if not path.startswith("/hatrac/"):
        return False  # a reference to bytes elsewhere
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.partition(':')[0]}" == file.url or row.get("Filename") == file.filename


def _stored(row: Row, *, shared: bool) -> StoredAsset:
    return StoredAsset(str(row["RID"]), str(row["URL"]), shared, row.get("Description"))
