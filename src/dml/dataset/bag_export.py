"""Makes a bag of a dataset version: its rows as one CSV a table, its files as entries to fetch.

::

    <directory>/data/schema.json                       the catalog's schema at the version's snapshot
                data/<schema>/<Table>.csv              rows, all columns, ordered by RID
                data/asset/<Table>/<RID>/<Filename>    files, fetched by ``materialize``
                bagit.txt bag-info.txt manifest-md5.txt fetch.txt tagmanifest-md5.txt

The same version exported twice gives the same bytes. A bag is there whole or not at all: it is written beside its place
and renamed. Requests grow with the tables that the walk of :mod:`dml.dataset.export_scope` comes to, not with rows.
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

from dml.dataset.bagit import Remote, safe_filename, write_tag_files
from dml.dataset.export_scope import Reached, TableReader, edges_of, reach
from dml.dataset.lookup import ResolvedDataset
from dml.dataset.members import descendants
from dml.errors import ConflictError, DmlError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dml.catalog.connection import Catalog
    from dml.catalog.rows import Row
    from dml.catalog.schema import Schema, Table

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
        asset_bytes: Their size together, in bytes.
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
        catalog: Where to read: rows at the version's snapshot, live for a development version.
        source: The version.
        directory: The bag's place; must not exist. Its parents are made.
        exclude: Tables to leave out; those of the specification when None.

    Raises:
        ConflictError: The place is taken.
        UnsafePathError: An asset's file name is no plain file name.
        RetryableError: The disk is full or the place cannot be written.
    """
    if directory.exists() or directory.is_symlink():
        raise ConflictError(f"{directory} exists already", hint="Name another place.")
    reader = source.reader(catalog)
    schema = reader.schema()
    edges = edges_of(schema, source.spec.exclude_tables if exclude is None else exclude)
    rows = reach(TableReader(reader), edges, [source.rid, *descendants(reader, [source.rid])])
    remotes = _remotes(catalog, schema, rows)
    with _beside(directory) as staging:
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


def _remotes(catalog: Catalog, schema: Schema, rows: Reached) -> list[Remote]:
    """The files of all reached asset rows; rows that refer to files elsewhere (``tag:`` and other URLs) have none."""
    found = []
    for name, part in rows.items():
        table = schema.table(name)
        if not table.is_asset:
            continue
        for rid, row in part.items():
            url = str(row["URL"])
            if url.startswith("/hatrac/"):
                filename = safe_filename(row.get("Filename"), rid)
                path = f"data/asset/{table.name}/{rid}/{filename}"
                found.append(Remote(path, urljoin(catalog.target.live.url, url), int(row["Length"]), str(row["MD5"])))
    return found


def _write_payload(staging: Path, schema: Schema, rows: Reached) -> None:
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
            writer.writerow([_text(column.type, rows[rid].get(column.name)) for column in table.columns])


def _text(kind: str, value: object) -> object:
    """A value as CSV text: null is empty, arrays and objects are JSON, booleans ``t`` and ``f`` as ERMrest has them."""
    if isinstance(value, list | dict) or (kind.startswith("json") and value is not None):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "t" if value else "f"
    return value


@contextmanager
def _beside(directory: Path) -> Iterator[Path]:
    """A directory beside the bag's place that becomes the bag when the block ends well."""
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
    except DmlError:
        raise
    finally:
        if staging.exists():
            shutil.rmtree(staging, ignore_errors=True)


def _sync_tree(directory: Path) -> None:
    """Bring every file and directory to the disk: a name must not outlive its content when the power fails."""
    for here, _, names in os.walk(directory, topdown=False):
        for name in names:
            _sync(Path(here, name))
        _sync(Path(here))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
