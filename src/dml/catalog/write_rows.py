"""Inserting, updating, conditionally setting and deleting rows.

Rows are written in pages of at most 1,000 rows and 250 KiB; each page is one request, stored completely or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from dml.catalog.encoding import encode_json
from dml.catalog.indexed_text import fits, require_fits
from dml.catalog.read_rows import Row, filtered_paths, read, select
from dml.catalog.url import quote, table_path
from dml.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.catalog.model import Table

PAGE_ROWS = 1_000
PAGE_BYTES = 250 * 1024


def insert(
    catalog: Catalog,
    table: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    on_conflict: Literal["error", "skip"] = "error",
    keep_rids: bool = False,
    defaults: Sequence[str] = (),
) -> list[Row]:
    """Insert rows, page by page; each page is stored whole or not at all. Writes the catalog.

    Args:
        catalog: Where to write.
        table: ``schema:Table``.
        rows: Column to value; a column that is left out is stored as null, not as its default.
        on_conflict: ``error`` refuses a page with a row that conflicts, ``skip`` leaves such rows out.
        keep_rids: The rows bring their RIDs (leased before). Such an insert may be sent again: with
            ``error``, rows that are there already exactly as given count as inserted. So may one with ``skip``
            into a table that tells every row by a key of its own.
        defaults: Columns that get their default, whatever the rows say.

    Returns:
        The rows as stored; with ``skip`` only those that were stored now (after a lost answer and a repeat, rows of
        the first try are not among them).

    Raises:
        ConflictError: A row conflicts with a stored one, or refers to one that is not there.
        UsageError: A row names a column that the table does not have (ERMrest would drop the value).
    """
    given = [dict(row) for row in rows]
    if not given:
        return []
    known = _refuse_unknown(catalog, table, {name for row in given for name in row})
    _refuse_long_text(catalog, table, given)
    if keep_rids and any(not row.get("RID") for row in given):
        raise UsageError(f"a row for {table} has no RID to keep")
    query = [f"defaults={','.join(quote(name) for name in defaults)}"] if defaults else []
    query += ["nondefaults=RID"] if keep_rids else []
    query += ["onconflict=skip"] if on_conflict == "skip" else []
    path = f"/entity/{table_path(table)}" + (f"?{'&'.join(query)}" if query else "")
    repeatable = keep_rids or (on_conflict == "skip" and all(_is_keyed(known, row) for row in given))
    stored: list[Row] = []
    for page in pages(given):
        try:
            stored += catalog.post_json(path, page, repeatable=repeatable) or []
        except ConflictError:
            there = _stored_alike(catalog, table, page) if keep_rids and on_conflict == "error" else None
            if there is None:
                raise
            stored += there
    return stored


def _refuse_unknown(catalog: Catalog, table: str, names: set[str]) -> Table:
    for schema in (catalog.schema, catalog.refresh_schema):  # someone may have added a column since
        known = schema().tables.get(table)
        unknown = sorted(names - set(known.column_names)) if known is not None else []
        if known is not None and not unknown:
            return known
    if known is None:
        raise ConflictError(f"the catalog has no table {table}")
    raise UsageError(f"{table} has no column {', '.join(unknown)}", hint=f"It has {', '.join(known.column_names)}.")


def _refuse_long_text(catalog: Catalog, table: str, rows: Iterable[Row]) -> None:
    """Refuse text that the index of its column could not take; such a value would refuse its whole request.

    Raises:
        UsageError: Names the column.
    """
    for row in rows:
        for name, value in row.items():
            if isinstance(value, str) and not fits(value):
                known = catalog.schema().tables.get(table)
                column = known.column(name) if known is not None else None
                if column is None or column.type != "json":
                    require_fits(f"{name} of {table}", value)


def _is_keyed(table: Table, row: Row) -> bool:
    """Whether a key other than the RID tells this row, so that it cannot be stored twice; null equals nothing."""
    return any(key != ("RID",) and all(row.get(name) is not None for name in key) for key in table.keys)


def _stored_alike(catalog: Catalog, table: str, page: Sequence[Row]) -> list[Row] | None:
    """The stored rows of these RIDs when every one is there and holds what was sent, else None."""
    found = {row["RID"]: row for row in select(catalog, table, where={"RID": [row["RID"] for row in page]})}
    alike = all(
        row["RID"] in found and all(found[row["RID"]].get(name) == value for name, value in row.items()) for row in page
    )
    return [found[row["RID"]] for row in page] if alike else None


def pages(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Cut rows into pages, in order; a row that is larger than a page has one of its own."""
    page: list[Row] = []
    size = 2
    for row in rows:
        length = len(encode_json(row)) + 1
        if page and (len(page) >= PAGE_ROWS or size + length > PAGE_BYTES):
            yield page
            page, size = [], 2
        page.append(row)
        size += length
    if page:
        yield page


def update(
    catalog: Catalog,
    table: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    columns: Sequence[str],
    key: Sequence[str] = ("RID",),
) -> list[Row]:
    """Set columns of the rows that the key columns name. Writes the catalog; a repeat changes nothing more.

    Args:
        catalog: Where to write.
        table: ``schema:Table``.
        rows: Each with all of ``key`` and ``columns``.
        columns: What is set.
        key: What tells the rows; not among ``columns``.

    Returns:
        Key and set columns of the rows that were there; a row that is not there is not in it.

    Raises:
        UsageError: A row lacks a column, or a column is both key and set.
        ForbiddenError: A row belongs to someone else, or a column cannot be changed (RID, RCT, RCB).
    """
    wanted = [*key, *columns]
    if len(set(wanted)) != len(wanted) or not columns:
        raise UsageError(f"cannot update {table}: key and columns must differ and be given once")
    given = []
    for row in rows:
        missing = [name for name in wanted if name not in row]
        if missing:
            raise UsageError(f"a row for {table} lacks {', '.join(missing)}")
        given.append({name: row[name] for name in wanted})
    _refuse_long_text(catalog, table, given)
    path = f"/attributegroup/{table_path(table)}/{_names(key)};{_names(columns)}"
    changed: list[Row] = []
    for page in pages(given):
        changed += catalog.put_json(path, page) or []
    return changed


def _names(columns: Iterable[str]) -> str:
    return ",".join(quote(name) for name in columns)


_NEW = "dml_new_value"


def compare_and_set(
    catalog: Catalog,
    table: str,
    rid: str,
    column: str,
    expected: object,
    new: object,
    also: Mapping[str, object] | None = None,
) -> bool:
    """Set a column of one row if it holds what is expected. Writes the catalog, in one conditional request.

    Args:
        catalog: Where to write.
        table: ``schema:Table``.
        rid: The row.
        column: The column that decides, and its ``expected`` (None for null) and ``new`` value.
        expected: What it must hold.
        new: What it shall hold.
        also: Other columns set with it.

    Returns:
        Whether the row now holds the new values because of this call; False when it held something else.
        After a lost answer, a row that holds all the new values counts as set by this call.
    """
    others = dict(also or {})
    if expected is None:
        return _set_where_null(catalog, table, rid, column, {column: new, **others})
    path = f"/attributegroup/{table_path(table)}/RID,{quote(column)};{_NEW}:={quote(column)}"
    path += "".join(f",{quote(name)}" for name in others)
    row = {"RID": rid, column: expected, _NEW: new, **others}
    done = catalog.exchange("PUT", path, document=[row], repeatable=True)
    if catalog.border.json(done.response, path):
        return True
    return done.attempts > 1 and _holds(catalog, table, rid, {column: new, **others})


def _set_where_null(catalog: Catalog, table: str, rid: str, column: str, values: Mapping[str, object]) -> bool:
    """As ``compare_and_set`` where null is expected: null equals nothing, so the row's ETag is the condition."""
    where = f"/entity/{table_path(table)}/RID={quote(rid)}"
    seen = catalog.exchange("GET", where)
    rows = catalog.border.json(seen.response, where)
    if not rows or rows[0].get(column) is not None:
        return False
    guard = {"If-Match": seen.response.headers.get("ETag", "*")}
    path = f"/attributegroup/{table_path(table)}/RID;{_names(values)}"
    done = catalog.exchange(
        "PUT", path, document=[{"RID": rid, **values}], headers=guard, repeatable=True, accept=(412,)
    )
    if done.response.status_code != 412:
        return bool(catalog.border.json(done.response, path))
    return done.attempts > 1 and _holds(catalog, table, rid, values)


def _holds(catalog: Catalog, table: str, rid: str, values: Mapping[str, object]) -> bool:
    rows = select(catalog, table, where={"RID": rid}, columns=["RID", *(name for name in values if name != "RID")])
    return bool(rows) and all(rows[0].get(name) == value for name, value in values.items())


def delete(catalog: Catalog, table: str, where: Mapping[str, object]) -> int:
    """Delete the rows that fulfil the conditions. Writes the catalog.

    Args:
        catalog: Where to write.
        table: ``schema:Table``.
        where: As in ``select``; empty conditions are refused.

    Returns:
        How many rows there were to delete, counted just before.

    Raises:
        UsageError: There is no condition.
        ConflictError: Another row refers to one of them.
    """
    if not where:
        raise UsageError(f"refusing to delete every row of {table}")
    deleted = 0
    for path in filtered_paths(catalog, table_path(table), where, ""):
        found = int(read(catalog, f"/aggregate/{path}/n:=cnt(RID)")[0]["n"])
        if found:
            try:
                catalog.delete(f"/entity/{path}")
            except NotFoundError:  # someone else was faster
                continue
            deleted += found
    return deleted
