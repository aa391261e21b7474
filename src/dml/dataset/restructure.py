"""Arranges the files of a bag in folders by part and class, as loaders of machine-learning libraries expect them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dml.dataset.bagit import safe_filename
from dml.dataset.denormalized_rows import denormalize
from dml.dataset.records import PART_TYPES
from dml.errors import ConflictError, NotFoundError, RetryableError

if TYPE_CHECKING:
    from dml.dataset.bag import DatasetBag

__all__ = ["restructure_assets"]

UNKNOWN: Final = "unknown"
"""The folder of files without a class."""


def restructure_assets(bag: DatasetBag, table: str, directory: Path, *, group_by: Sequence[str] = ()) -> list[Path]:
    """Arrange the member files of an asset table as ``<part>/<class>/…/<RID>_<Filename>``.

    The part is ``training``, ``validation`` or ``testing``, by the type of the nested dataset that holds a file; if no
    dataset has such a type, this level is left out. Files are symbolic links into the bag, or copies where links are
    not possible; those that exist are left alone.

    Args:
        bag: A materialised bag.
        table: The asset table, ``schema:Table`` or its name.
        directory: The destination; it is created if it does not exist.
        group_by: For each level of folders a column of the table, or the name of one of its features.

    Returns:
        The arranged files.

    Raises:
        NotFoundError: A file has not been fetched, or there is no such table, column or feature.
        ConflictError: An element is in two parts.
        UnsafePathError: A class or a file name is not a plain one.
    """
    definition = bag.schema.table(table)
    levels = [_labels(bag, table, name) for name in group_by]
    paths = []
    for part, row in _members(bag, definition.qualified_name):
        rid = str(row["RID"])
        source = bag.asset_path(table, row)
        if not source.is_file():
            raise NotFoundError(f"{source.name} of asset {rid} is not in the bag", hint="Materialise the bag first.")
        folders = [*([part] if part else []), *(safe_filename(level.get(rid) or UNKNOWN, rid) for level in levels)]
        path = directory.joinpath(*folders, f"{rid}_{source.name}")
        _link(source.resolve(), path)
        paths.append(path)
    return paths


def _members(bag: DatasetBag, table: str) -> list[tuple[str, dict[str, object]]]:
    """The member rows of all datasets of the bag with their parts, each once."""
    part_of: dict[str, str] = {}
    rows: dict[str, dict[str, object]] = {}
    for rid in [bag.dataset_rid, *bag.nested_datasets(recurse=True)]:
        types = bag.dataset(rid).types
        part = next((part for part, type_name in PART_TYPES.items() if type_name in types), "")
        for row in bag.list_dataset_members(rid).get(table, []):
            element = str(row["RID"])
            if part and part_of.get(element, part) != part:
                raise ConflictError(f"{element} is in two parts, {part_of[element]} and {part}")
            rows[element] = row
            if part:
                part_of[element] = part
    return [(part_of.get(rid, ""), rows[rid]) for rid in sorted(rows)]


def _labels(bag: DatasetBag, table: str, name: str) -> dict[str, str]:
    base = bag.schema.table(table)
    if base.column(name) is not None:
        return {row["RID"]: str(row[name]) for row in bag.rows(table) if row[name] is not None}
    wide = denormalize(bag, table, features=[name])
    column = next((key for row in wide[:1] for key in row if key.startswith(f"{name}.")), "")
    return {row[f"{base.name}.RID"]: str(row[column]) for row in wide if column and row[column] is not None}


def _link(source: Path, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() or path.is_symlink():
            return
        try:
            path.symlink_to(source)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP):
                raise
            temporary = path.with_name(f".{os.getpid()}.{path.name}")
            shutil.copyfile(source, temporary)
            temporary.replace(path)
    except OSError as error:
        raise RetryableError(f"cannot write {path}: {error.strerror}") from error
