"""Bags of dataset versions that deriva-ml made: which dataset and version they hold, and where their files lie.

They have the rows where dml has them (``data/<schema>/<Table>.csv``) and the catalog's schema beside, but do not say in
``bag-info.txt`` what they are, and their files lie elsewhere below ``data``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from dml.dataset.bagit import payload_path
from dml.dataset.checksums import is_md5
from dml.dataset.version import DatasetVersion
from dml.errors import IntegrityError, UsageError

__all__ = ["find_file", "rid_in_name", "version_in_rows"]

_PREFIX = "Dataset_"


def rid_in_name(bag: Path, rows: list[dict[str, Any]]) -> str:
    """The dataset of a bag by its directory name, ``Dataset_<RID>`` or ``<RID>``; empty when its rows have no such."""
    rid = bag.name.removeprefix(_PREFIX)
    return rid if any(row.get("RID") == rid for row in rows) else ""


def version_in_rows(rows: list[dict[str, Any]], dataset: str) -> DatasetVersion:
    """The newest version that the bag's own rows name: it was read at the moment when that one was released.

    Raises:
        IntegrityError: They name none.
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
    """The file of an asset row by its name and MD5; of several the one below its RID. None when there is none.

    Where the bag has no MD5 of a file, its name must do: below the RID, or when no other file is called so.

    Args:
        bag: The bag.
        manifest: Its checksums by path.
        row: RID, Filename and MD5.

    Raises:
        UnsafePathError: The manifest names a place outside the bag.
    """
    name, md5 = str(row.get("Filename") or ""), str(row.get("MD5") or "").lower()
    named = [path for path in manifest if PurePosixPath(path).name == name]
    below = [path for path in named if str(row["RID"]) in PurePosixPath(path).parts]
    found = [path for path in [*below, *named] if manifest[path] == md5]
    if not found and not any(is_md5(manifest[path]) for path in named):
        found = below or (named if len(named) == 1 else [])
    return payload_path(bag, found[0]) if found else None
