"""Exports a dataset version as a bag: its rows as one CSV file per table, its files as entries of ``fetch.txt``.

::

    <directory>/data/schema.json                       the catalog's schema at the version's snapshot
                data/<schema>/<Table>.csv              rows with all columns, ordered by RID
                data/asset/<Table>/<RID>/<Filename>    files, fetched later
                bagit.txt bag-info.txt manifest-md5.txt fetch.txt tagmanifest-md5.txt

Exporting the same version twice gives the same bytes. A bag is complete or absent: it is written beside its destination
and renamed. The number of requests depends on the tables that :mod:`dml.dataset.export_scope` reaches, not on rows.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from dml.dataset.bagit import RemoteFile, safe_filename, write_tag_files
from dml.dataset.export_scope import RowsByTable, TableReader, collect_rows, references_of
from dml.dataset.members import descendants
from dml.errors import ConflictError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dml.catalog.connection import Catalog
    from dml.catalog.rows import Row
    from dml.catalog.schema import Schema, Table
    from dml.dataset.records import ResolvedDataset

__all__ = ["BagReport", "export_bag"]

DATASET_INFO = "DERIVA-ML-Dataset"
VERSION_INFO = "DERIVA-ML-Version"


@dataclass(frozen=True)
class BagReport:
    """What an export wrote.

    Attributes:
        path: The bag.
        rows: Number of rows by ``schema:Table``.
        assets: Number of files to fetch.
        asset_bytes: Size of all these files.
    """

    path: Path
    rows: dict[str, int]
    assets: int
    asset_bytes: int


def export_bag(
    catalog: Catalog, source: ResolvedDataset, directory: Path, *, exclude: Iterable[str] | None = None
) -> BagReport:
    """Export a dataset version as a bag without its files.

    Args:
        catalog: Where to read: at the version's snapshot, live for a development version.
        source: The version.
        directory: The bag; it must not exist. Its parents are created.
        exclude: Tables to leave out; None takes those of the specification.

    Raises:
        ConflictError: The directory exists.
        UnsafePathError: An asset's file name is not a plain one.
        RetryableError: The disk is full, or the directory cannot be written.
    """
    if directory.exists() or directory.is_symlink():
        raise ConflictError(f"{directory} already exists", hint="Choose another directory.")
    reader = source.reader(catalog)
    schema = reader.schema()
    references = references_of(schema, source.spec.exclude_tables if exclude is None else exclude)
    rows = collect_rows(TableReader(reader), references, [source.rid, *descendants(reader, [source.rid])])
    remotes = _remote_files(catalog, schema, rows)
    with _staging(directory) as staging:
        _write_payload(staging, schema, rows)
        write_tag_files(staging, remotes, _info(catalog, source))
    counts = {table: len(part) for table, part in sorted(rows.items())}
    return BagReport(directory, counts, len(remotes), sum(remote.length for remote in remotes))


def _info(catalog: Catalog, source: ResolvedDataset) -> dict[str, str]:
    target = f"{catalog.target.live}@{source.snapshot}" if source.snapshot else str(catalog.target.live)
    return {
        "External-Identifier": target,
        "External-Description": source.dataset.description,
        DATASET_INFO: source.rid,
        VERSION_INFO: source.row.text,
    }


def _remote_files(catalog: Catalog, schema: Schema, rows: RowsByTable) -> list[RemoteFile]:
    """The files of all asset rows that are in the object store; other rows (with ``tag:`` and other URLs) have none."""
    remotes = []
    for name, part in rows.items():
        table = schema.table(name)
        if not table.is_asset:
            continue
        for rid, row in part.items():
            url = str(row["URL"])
            if url.startswith("/hatrac/"):
                path = f"data/asset/{table.name}/{rid}/{safe_filename(row.get('Filename'), rid)}"
                full_url = urljoin(catalog.target.live.url, url)
                remotes.append(RemoteFile(path, full_url, int(row["Length"]), str(row["MD5"])))
    return remotes


def _write_payload(staging: Path, schema: Schema, rows: RowsByTable) -> None:
    data = staging / "data"
    data.mkdir()
    document = json.dumps(schema.document, ensure_ascii=False, sort_keys=True, indent=1)
    (data / "schema.json").write_text(document, encoding="utf-8")
    for name, part in rows.items():
        table = schema.table(name)
        path = data / table.schema / f"{table.name}.csv"
        path.parent.mkdir(exist_ok=True)
        _write_csv(path, table, part)


def _write_csv(path: Path, table: Table, rows: dict[str, Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.column_names)
        for rid in sorted(rows):
            writer.writerow([_format(column.type, rows[rid].get(column.name)) for column in table.columns])


def _format(type_name: str, value: object) -> object:
    """A value for CSV: null is empty, arrays and objects are JSON, booleans ``t`` and ``f`` as ERMrest writes them."""
    if isinstance(value, list | dict) or (type_name.startswith("json") and value is not None):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "t" if value else "f"
    return value


@contextmanager
def _staging(directory: Path) -> Iterator[Path]:
    """A temporary directory that becomes ``directory`` when the block succeeds, and is deleted when it fails."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as error:
        raise RetryableError(f"cannot write {directory.parent}: {error.strerror}") from error
    try:
        yield staging
        staging.chmod(0o755)
        _sync_tree(staging)
        staging.rename(directory)
        _sync(directory.parent)
    except OSError as error:
        raise RetryableError(f"cannot write {directory}: {error.strerror}") from error
    finally:
        if staging.exists():
            shutil.rmtree(staging, ignore_errors=True)


def _sync_tree(directory: Path) -> None:
    """Write every file and directory through to the disk, so that no name outlives its content in a power failure."""
    for parent, _, names in os.walk(directory, topdown=False):
        for name in names:
            _sync(Path(parent, name))
        _sync(Path(parent))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
