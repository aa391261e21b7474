"""Paths of everything in a cache, and the key that identifies a dataset version in it.

::

    <cache>/index.sqlite                              what is cached: deriva-ml's tables, and dml's own
            dml-pins.json                             a copy of the pins, in case the index is damaged or deleted
            bags/<key>/Dataset_<RID>/                 a bag of a dataset version; its files arrive one by one
            bags/<key>/.partial/                      unfinished downloads, continued by the next fetch
            assets/<RID>_<MD5>/<Filename>             single assets
            assets/<RID>_<MD5>/.partial/              their unfinished downloads
            dml-locks/<name>.lock                     which process is using an entry

deriva-ml uses the same directory and the same index. Its keys are a hash of its export plan, which takes requests to
compute; dml's keys take none and never collide with deriva-ml's. This module computes paths only and does not touch
the disk.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dml.target import Target
from dml.workspace.layout import Workspace
from dml.workspace.names import safe_file_name

__all__ = ["Cache", "cache_key", "split_asset_name"]

_FORMAT = 1
"""Part of every key. Raise it when exporting a version starts to give other bytes: older entries no longer match."""

_ASSET_NAME = re.compile(r"([0-9A-Z][0-9A-Z-]*)_([0-9a-f]{32})")


@dataclass(frozen=True)
class Cache:
    """The directory where a workspace keeps bags and assets.

    Attributes:
        root: Absolute path; the directory need not exist.
        target: The catalog whose datasets and assets are meant; the directory may hold those of other catalogs too.
    """

    root: Path
    target: Target

    @classmethod
    def of(cls, workspace: Workspace, directory: Path | None = None) -> Cache:
        """The cache of a workspace: ``directory`` where the settings name one, else ``WORKSPACE/cache``."""
        root = workspace.cache_directory if directory is None else directory.expanduser()
        return cls(root.absolute(), workspace.target.live)

    @property
    def index_path(self) -> Path:
        """The SQLite index."""
        return self.root / "index.sqlite"

    @property
    def pins_path(self) -> Path:
        """The JSON file that repeats the pins of the index."""
        return self.root / "dml-pins.json"

    @property
    def bags_directory(self) -> Path:
        """The directory of all bags."""
        return self.root / "bags"

    @property
    def assets_directory(self) -> Path:
        """The directory of all single assets."""
        return self.root / "assets"

    def entry_directory(self, key: str) -> Path:
        """The directory of the bag with this key and of its unfinished downloads."""
        return self.bags_directory / safe_file_name(key)

    def bag_directory(self, key: str, dataset_rid: str) -> Path:
        """The bag with this key."""
        return self.entry_directory(key) / safe_file_name(f"Dataset_{dataset_rid}")

    def asset_name(self, rid: str, md5_hex: str) -> str:
        """The name of an asset's directory."""
        return safe_file_name(f"{rid}_{md5_hex.lower()}")

    def asset_directory(self, name: str) -> Path:
        """The directory of an asset, given its ``asset_name``."""
        return self.assets_directory / safe_file_name(name)

    def partial_path(self, directory: Path, name: str) -> Path:
        """The file that collects the bytes of an unfinished download; ``name`` is a path in a bag or a file name."""
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return directory / ".partial" / digest

    def lock_path(self, name: str) -> Path:
        """The lock file of a bag (by its key) or an asset (by its name)."""
        return self.root / "dml-locks" / f"{safe_file_name(name)}.lock"


def cache_key(
    target: Target, dataset_rid: str, version: str, snapshot: str | None, excluded: Iterable[str] = ()
) -> str:
    """The key of a dataset version: the same on every machine, computed without a request.

    Args:
        target: The catalog.
        dataset_rid: RID of the dataset.
        version: The version as the catalog stores it.
        snapshot: The snaptime at which the version is read.
        excluded: Tables that the bag leaves out.
    """
    identity = [_FORMAT, str(target.live), dataset_rid, version, snapshot or "", sorted(set(excluded))]
    digest = hashlib.sha256(json.dumps(identity, ensure_ascii=True).encode()).hexdigest()[:32]
    return f"dml-{digest}_{snapshot or 'live'}"


def split_asset_name(name: str) -> tuple[str, str] | None:
    """RID and MD5 from the name of an asset's directory; None when the name has another form."""
    match = _ASSET_NAME.fullmatch(name)
    return (match[1], match[2]) if match else None
