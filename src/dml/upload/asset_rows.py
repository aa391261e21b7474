"""Asset rows and their edges to executions and types: finding identical content, inserting, linking.

Everything here may be repeated: an asset row is known by its URL, which holds the MD5 of its content; edges and types
are known by their association keys. Rows that are there already are left as they are and found again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dml.catalog import required_terms
from dml.catalog.rows import Row, insert, select, update
from dml.catalog.schema import ASSET_TYPE, EXECUTION
from dml.errors import ConflictError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

INPUT, OUTPUT = "Input", "Output"
DIRECTION_TAGS = {INPUT: "Input_File", OUTPUT: "Output_File"}
"""The Asset_Type that every asset gets besides its own, by its role in the execution."""

_KNOWN_COLUMNS = ("RID", "URL", "Filename", "Length", "MD5", "Description")


@dataclass(frozen=True)
class OutputFile:
    """A file that is to be a row of an asset table.

    Attributes:
        key: ``Table/filename``, its name in the registry.
        url: Where its bytes are, ``/hatrac/<Table>/<md5>.<filename>``.
        filename: As people see it.
        length: Bytes.
        md5_hex: Of its content.
        description: Markdown, or None.
        metadata: Values of the table's own columns.
        types: Asset types, without the direction.
    """

    key: str
    url: str
    filename: str
    length: int
    md5_hex: str
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placed:
    """Where a file's row is.

    Attributes:
        rid: The row.
        url: Its URL, which may carry a version in an older row.
        shared: Whether the row was there before this commit.
        description: The row's description.
    """

    rid: str
    url: str
    shared: bool
    description: str | None


def find_identical(catalog: Catalog, table: Table, rows: Sequence[OutputFile]) -> dict[str, Placed]:
    """Rows of the table that hold the same content under the same name already, by key. One request a page of
    checksums.

    Compared are MD5 with file name, or the URL: older rows name a version at the end of it.
    """
    if not rows:
        return {}
    there: dict[str, list[Row]] = {}
    checksums = sorted({row.md5_hex for row in rows})
    for found in select(catalog, table.qualified_name, where={"MD5": checksums}, columns=_KNOWN_COLUMNS):
        there.setdefault(str(found["MD5"]), []).append(found)
    matches = ((row.key, _match(row, there.get(row.md5_hex, ()))) for row in rows)
    return {key: _placed(found, shared=True) for key, found in matches if found is not None}


def insert_assets(catalog: Catalog, table: Table, rows: Sequence[OutputFile]) -> dict[str, Placed]:
    """Insert the rows that are not there, in pages, and say where each one is, by key. Writes the catalog.

    The bytes must be in place before.

    Raises:
        ConflictError: A row conflicts with another one by something else than its URL, or refers to a row or term
        that is not there.
    """
    written, defaults = _written(table, rows)
    name = table.qualified_name
    by_url = {
        str(row["URL"]): _placed(row, shared=False)
        for row in insert(catalog, name, written, on_conflict="skip", defaults=defaults)
    }
    skipped = [row.url for row in rows if row.url not in by_url]
    if skipped:
        for found in select(catalog, name, where={"URL": skipped}, columns=_KNOWN_COLUMNS):
            by_url[str(found["URL"])] = _placed(found, shared=True)
    refused = [row.key for row in rows if row.url not in by_url]
    if refused:
        raise ConflictError(
            f"{safe(refused[0])} cannot be inserted: another row of {name} has the same value in a unique column",
            hint="Change its metadata, then commit again.",
        )
    return {row.key: by_url[row.url] for row in rows}


def link_assets(
    catalog: Catalog,
    table: Table,
    execution_rid: str,
    role: str,
    types: Mapping[str, Iterable[str]],
    *,
    with_types: bool = True,
) -> None:
    """Link assets to an execution in a role and give them their types, the direction's tag included. Writes the
    catalog.

    Args:
        catalog: Where to write.
        table: The asset table.
        execution_rid: The execution.
        role: ``Input`` or ``Output``.
        types: RID of each asset → its types.
        with_types: Write the types; False where they are known to be there.

    Raises:
        ConflictError: The table has no association with executions.
    """
    if not types:
        return
    schema = catalog.schema()
    calls = [partial(insert, catalog, *_edges(catalog, table, execution_rid, role, types), on_conflict="skip")]
    types_table = schema.asset_type_table(table) if with_types else None
    asset_key = types_table.reference_to(table.qualified_name) if types_table else None
    type_key = types_table.reference_to(ASSET_TYPE) if types_table else None
    if types_table is not None and asset_key is not None and type_key is not None:
        tag = required_terms.available(catalog, required_terms.ASSET_TYPE, [DIRECTION_TAGS[role]])
        rows = [
            {asset_key.columns[0]: rid, type_key.columns[0]: name}
            for rid, names in types.items()
            for name in dict.fromkeys((*names, *tag))
        ]
        if rows:
            calls.append(partial(insert, catalog, types_table.qualified_name, rows, on_conflict="skip"))
    for call in calls:  # one after the other: a server aborts one of two writes that overlap
        call()


def describe_shared(catalog: Catalog, table: Table, descriptions: Mapping[str, str]) -> None:
    """Give shared rows that have no description the one of this commit, by RID. Writes the catalog."""
    rows = [{"RID": rid, "Description": text} for rid, text in descriptions.items()]
    if rows:
        update(catalog, table.qualified_name, rows, columns=["Description"])


def _edges(catalog: Catalog, table: Table, execution_rid: str, role: str, rids: Iterable[str]) -> tuple[str, list[Row]]:
    edges = catalog.schema().asset_execution_table(table)
    asset_key = edges.reference_to(table.qualified_name) if edges else None
    execution_key = edges.reference_to(EXECUTION) if edges else None
    if edges is None or asset_key is None or execution_key is None:
        raise ConflictError(
            f"{table.qualified_name} has no association with executions",
            hint="Stage into a table made with `create_asset`, or into Execution_Asset.",
        )
    columns = asset_key.columns[0], execution_key.columns[0]
    return edges.qualified_name, [{columns[0]: rid, columns[1]: execution_rid, "Asset_Role": role} for rid in rids]


def _written(table: Table, rows: Sequence[OutputFile]) -> tuple[list[Row], list[str]]:
    """The rows as they are sent, and the columns that take their default in all of them.

    A column that a POST leaves out is stored as null, so where only some rows leave it out, a plain default is spelt
    out.
    """
    written: list[Row] = [
        {
            "URL": row.url,
            "Filename": row.filename,
            "Length": row.length,
            "MD5": row.md5_hex,
            "Description": row.description,
            **row.metadata,
        }
        for row in rows
    ]
    defaults = []
    for column in table.metadata_columns:
        if column.default is None:
            continue
        lacking = [row for row in written if row.get(column.name) is None]
        if len(lacking) == len(written):
            defaults.append(column.name)
        for row in lacking if len(lacking) < len(written) else ():
            row[column.name] = column.default
    return written, defaults


def _match(row: OutputFile, candidates: Sequence[Row]) -> Row | None:
    same = [found for found in candidates if found.get("Length") == row.length and _same_object(row, found)]
    return min(same, key=lambda found: (found["URL"] != row.url, str(found["RID"])), default=None)


def _same_object(row: OutputFile, found: Row) -> bool:
    path = urlsplit(str(found["URL"])).path if "://" in str(found["URL"]) else str(found["URL"])
    if not path.startswith("/hatrac/"):
        return False  # a reference to bytes elsewhere
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.partition(':')[0]}" == row.url or found.get("Filename") == row.filename


def _placed(row: Row, *, shared: bool) -> Placed:
    return Placed(str(row["RID"]), str(row["URL"]), shared, row.get("Description"))
