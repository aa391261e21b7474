"""Reading, streaming and counting rows.

Long lists of values are split by the length of the URL, and the parts are read concurrently.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from dml.catalog.concurrency import gather
from dml.catalog.url import PATH_LIMIT, condition, quote, split_values, table_path
from dml.errors import IntegrityError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

Row = dict[str, Any]

_LISTS = (list, tuple, set, frozenset)


def read(catalog: Catalog, path: str) -> list[Row]:
    """The rows at an encoded path below the catalog, such as ``/attribute/…``.

    Raises:
        DmlError: By the server's status; an unknown table or column is a ConflictError (ERMrest answers 409).
        IntegrityError: The response is not a list of rows.
    """
    rows = catalog.get_json(path)
    if not isinstance(rows, list):
        raise IntegrityError(f"the catalog answered {path.partition('?')[0][:80]} with something other than rows")
    return rows


def stream(catalog: Catalog, path: str) -> Iterator[Row]:
    """The rows at a path, one by one as they arrive, for results that should not be held in memory.

    Raises:
        RetryableError: The response ended early; the rows yielded so far are complete.
        IntegrityError: The response is not a stream of rows.
    """
    with catalog.streaming(path) as response:
        for line in response.iter_lines(chunk_size=1 << 16):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise IntegrityError(f"a row of {path.partition('?')[0][:80]} is not JSON") from error
                yield row


def select(
    catalog: Catalog,
    table: str,
    *,
    where: Mapping[str, object] | None = None,
    columns: Sequence[str] | None = None,
    sort: Sequence[str] = (),
    limit: int | None = None,
) -> list[Row]:
    """The rows of a table that meet all conditions.

    Args:
        catalog: The catalog.
        table: ``schema:Table``.
        where: Column → value, None (null), or a list, tuple or set of them (any of these). Long lists are split so that
            each path stays below 4,000 bytes, and read concurrently; no row is returned twice.
        columns: The columns to return; all when None.
        sort: Columns to sort by, ``Name`` or ``Name::desc::``; text by the server's collation, nulls last.
        limit: The greatest number of rows.

    Raises:
        UsageError: A value has no literal form or is too long for a path.
        ConflictError: The table or a column does not exist.
    """
    if limit is not None and limit <= 0:
        return []
    # ERMrest sorts a projection by its own columns only; columns added for the sort are removed at the end.
    keys = [_sort_key(part) for part in sort]
    extra = [] if columns is None else [name for name, _ in keys if name not in columns]
    tail = "" if columns is None else "/" + ",".join(quote(name) for name in [*columns, *dict.fromkeys(extra)])
    if keys:
        tail += "@sort(" + ",".join(quote(name) + ("::desc::" if down else "") for name, down in keys) + ")"
    head = f"/{'entity' if columns is None else 'attribute'}/{table_path(table)}"
    paths = filtered_paths(catalog, head, where or {}, tail)
    suffix = "" if limit is None else f"?limit={limit}"
    parts = gather([partial(read, catalog, path + suffix) for path in paths])
    rows = parts[0] if len(parts) == 1 else _merged(parts, keys)
    if limit is not None:
        rows = rows[:limit]
    return rows if not extra else [{name: row.get(name) for name in columns or ()} for row in rows]


def count(catalog: Catalog, table: str, where: Mapping[str, object] | None = None) -> int:
    """The number of rows that meet the conditions, counted by the server."""
    paths = filtered_paths(catalog, f"/aggregate/{table_path(table)}", where or {}, "/n:=cnt(RID)")
    return sum(int(rows[0]["n"]) for rows in gather([partial(read, catalog, path) for path in paths]))


def _sort_key(part: str) -> tuple[str, bool]:
    return part.removesuffix("::desc::"), part.endswith("::desc::")


def filtered_paths(catalog: Catalog, head: str, where: Mapping[str, object], tail: str) -> list[str]:
    """The paths that together select the rows, each short enough; no paths when no row can match."""
    single = {name: [value] for name, value in where.items() if not isinstance(value, _LISTS)}
    several = {name: list(value) for name, value in where.items() if isinstance(value, _LISTS)}
    for name, values in single.items():
        head += f"/{condition(name, values)}"
    room = PATH_LIMIT - 1 - len(catalog.target.catalog_path) - len(head) - len(tail)
    lists = [split_values(name, values, room // len(several) - 1) for name, values in several.items()]
    choices = [[condition(name, run) for run in runs] for name, runs in zip(several, lists, strict=True)]
    return [head + "".join(f"/{part}" for part in chosen) + tail for chosen in product(*choices)]


def _merged(parts: Iterable[list[Row]], keys: Sequence[tuple[str, bool]]) -> list[Row]:
    rows = [row for part in parts for row in part]
    for name, down in reversed(keys):
        present = [row for row in rows if row.get(name) is not None]
        present.sort(key=lambda row, name=name: row[name], reverse=down)  # type: ignore[misc]
        rows = present + [row for row in rows if row.get(name) is None]
    return rows
