"""Making files known to the catalog by reference, with a dataset for each of their directories.

The rows of ``File`` are linked as outputs of the execution, as deriva-ml has it. The datasets are nested as the
directories are; ``Directory_Dataset`` names the directory of each, where the catalog has that table. Every step may be
repeated: files are known by their reference, datasets by tokens made of the execution and the directory.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dml.asset.file_spec import FileSpec
from dml.catalog import required_terms
from dml.catalog.rows import insert
from dml.catalog.schema import DATASET
from dml.dataset.curation import create_dataset
from dml.dataset.records import Dataset
from dml.errors import UsageError
from dml.execution.unknown_provenance import FILE
from dml.safe_text import safe
from dml.upload.asset_rows import OUTPUT, AssetFile, insert_assets, link_assets

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["add_files"]

DATASET_TYPE = "deriva-ml:Dataset_Type"
_DIRECTORY = "deriva-ml:Directory_Dataset"


def add_files(
    catalog: Catalog,
    execution_rid: str,
    files: Iterable[FileSpec],
    *,
    dataset_types: Sequence[str] = (),
    description: str = "",
) -> Dataset:
    """Make files known, as outputs of an execution and members of datasets nested like their directories.

    Writes the catalog: ``File``, its types and its edge to the execution, ``Dataset`` with type, version and members,
    ``Directory_Dataset``.

    Args:
        catalog: Where.
        execution_rid: The execution that makes them known; producer of the datasets.
        files: The files.
        dataset_types: Terms of Dataset_Type that the datasets get besides ``File`` and ``Directory``.
        description: Of the datasets.

    Returns:
        The dataset of the directory that holds all others.

    Raises:
        UsageError: There is no file, or two are the same.
        NotFoundError: A type is no term; the nearest are named.
    """
    given = list(files)
    if not given:
        raise UsageError("add_files was given no file", hint="FileSpec.create_filespecs(directory) makes them.")
    twice = [url for url, number in Counter(one.url for one in given).items() if number > 1]
    if twice:
        raise UsageError(f"The file {safe(twice[0], limit=200)} is given twice")
    kinds = [*required_terms.available(catalog, DATASET_TYPE, ["File", "Directory"]), *dataset_types]
    names = required_terms.require(catalog, DATASET_TYPE, kinds)
    rids = _add_rows(catalog, execution_rid, given)
    return _add_datasets(catalog, execution_rid, {one.path: rids[one.url] for one in given}, names, description)


def _add_rows(catalog: Catalog, execution_rid: str, files: Sequence[FileSpec]) -> dict[str, str]:
    """The RIDs of the files' rows by reference."""
    table = catalog.schema().table(FILE)
    usual = required_terms.available(catalog, required_terms.ASSET_TYPE, ["File"])
    required_terms.require(catalog, required_terms.ASSET_TYPE, {name: None for one in files for name in one.file_types})
    rows = [AssetFile(one.url, one.url, one.path.name, one.length, one.md5, one.description) for one in files]
    placed = insert_assets(catalog, table, rows)
    types = {
        placed[one.url].rid: (*usual, *required_terms.require(catalog, required_terms.ASSET_TYPE, one.file_types))
        for one in files
    }
    link_assets(catalog, table, execution_rid, OUTPUT, types)
    return {one.url: placed[one.url].rid for one in files}


def _add_datasets(
    catalog: Catalog, execution_rid: str, files: dict[Path, str], types: Sequence[str], description: str
) -> Dataset:
    """A dataset for each directory from the common one down, the innermost first."""
    root = Path(os.path.commonpath([path.parent for path in files]))
    directories = {root}
    for path in files:
        directories.update(parent for parent in path.parents if parent.is_relative_to(root))
    made: dict[Path, Dataset] = {}
    for directory in sorted(directories, key=lambda path: (-len(path.parts), path)):
        members = {
            FILE: sorted(rid for path, rid in files.items() if path.parent == directory),
            DATASET: sorted(one.rid for path, one in made.items() if path.parent == directory),
        }
        made[directory] = create_dataset(
            catalog,
            description=description or f"Files of {directory}",
            types=types,
            members={table: rids for table, rids in members.items() if rids},
            execution=execution_rid,
            token=_token(execution_rid, directory, [rid for rids in members.values() for rid in rids]),
        )
    if catalog.schema().capabilities.directory_dataset:
        rows = [{"Dataset": one.rid, "Path": str(directory)} for directory, one in made.items()]
        insert(catalog, _DIRECTORY, rows, on_conflict="skip")
    return made[root]


def _token(execution_rid: str, directory: Path, members: Sequence[str]) -> str:
    """The same execution, directory and members are the same dataset, so that a repeat finishes what was begun."""
    named = "\n".join([execution_rid, str(directory), *members])
    return f"dml-directory-{hashlib.sha256(named.encode()).hexdigest()}"
