"""Bags that deriva-ml exported: which dataset version they hold, and where their files are.

Rows are where dml has them (``data/<schema>/<Table>.csv``), with the catalog's schema. But ``bag-info.txt`` does not
name the dataset version, and the files are elsewhere below ``data``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from dml.dataset.bagit import payload_path
from dml.dataset.checksums import is_md5
from dml.dataset.version import DatasetVersion
from dml.errors import IntegrityError, UsageError

__all__ = ["find_file", "newest_version", "rid_in_name"]


def rid_in_name(bag: Path, rows: list[dict[str, Any]]) -> str:
    """The dataset in the name of a bag, ``Dataset_<RID>`` or ``<RID>``; empty when none of its rows has this RID."""
    rid = bag.name.removeprefix("Dataset_")
    return rid if any(row.get("RID") == rid for row in rows) else ""


def newest_version(rows: list[dict[str, Any]], dataset: str) -> DatasetVersion:
    """The newest version in a bag's rows of ``Dataset_Version``: deriva-ml exports right after releasing.

    Raises:
        IntegrityError: They have none of this dataset.
    """
    versions = []
    for row in rows:
        if row.get("Dataset") == dataset:
            try:
                versions.append(DatasetVersion(str(row.get("Version") or "")))
            except UsageError:
                continue
    if not versions:
        raise IntegrityError(f"the bag of {dataset} does not say which version it holds")
    return max(versions)


def find_file(bag: Path, manifest: Mapping[str, str], row: Mapping[str, Any]) -> Path | None:
    """The file of an asset row: the one with its name and MD5, preferably in a directory named by its RID.

    Where the bag has no MD5 of such files, the name must suffice: in a directory of that RID, or when it is unique.

    Args:
        bag: The bag.
        manifest: Its checksums by path.
        row: RID, Filename and MD5.

    Returns:
        The path; None when there is no such file.

    Raises:
        UnsafePathError: The manifest names a path outside the bag.
    """
    name, md5 = str(row.get("Filename") or ""), str(row.get("MD5") or "").lower()
    named = [path for path in manifest if PurePosixPath(path).name == name]
    in_directory = [path for path in named if str(row["RID"]) in PurePosixPath(path).parts]
    matches = [path for path in [*in_directory, *named] if manifest[path] == md5]
    if not matches and not any(is_md5(manifest[path]) for path in named):
        matches = in_directory or (named if len(named) == 1 else [])
    return payload_path(bag, matches[0]) if matches else None
