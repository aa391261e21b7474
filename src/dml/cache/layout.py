"""Where everything of a cache lies on disk, and by which key a dataset version is found in it.

::

    <cache>/index.sqlite                              what is here: deriva-ml's tables, and dml's beside them
            dml-pins.json                             the pins once more, for when the index is damaged or removed
            bags/<key>/Dataset_<RID>/                 a bag of a dataset version: metadata whole, assets one by one
            bags/<key>/.partial/                      assets under way; a transfer that broke off goes on from here
            assets/<RID>_<MD5>/<Filename>             single assets
            assets/<RID>_<MD5>/.partial/              the same for them
            dml-locks/<name>.lock                     who is at work on an entry

The place and the first table are shared with deriva-ml. Its keys are a hash of its own export plan, which takes a walk
through the catalog to compute; dml's need no request, and the two can never be equal. Pure paths: nothing here looks
at the disk.
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

__all__ = ["Cache", "key_of", "split_asset_name"]

_FORMAT = 1
"""Raised when the content of a bag made from the same version changes; older entries then are simply not found."""

_ASSET_NAME = re.compile(r"([0-9A-Z][0-9A-Z-]*)_([0-9a-f]{32})")


@dataclass(frozen=True)
class Cache:
    """The cache of bags and assets that a workspace uses.

    Attributes:
        root: Its directory, absolute; it need not exist.
        target: The catalog whose datasets and assets are meant. Others may be in the same cache.
    """

    root: Path
    target: Target

    @classmethod
    def of(cls, workspace: Workspace, directory: Path | None = None) -> Cache:
        """The cache of a workspace: the directory that the settings name, else ``WORKSPACE/cache``."""
        root = workspace.cache_directory if directory is None else directory.expanduser()
        return cls(root.absolute(), workspace.target.live)

    @property
    def index_path(self) -> Path:
        """The SQLite index."""
        return self.root / "index.sqlite"

    @property
    def pins_path(self) -> Path:
        """The pins outside the index."""
        return self.root / "dml-pins.json"

    @property
    def bags_directory(self) -> Path:
        """All bags."""
        return self.root / "bags"

    @property
    def assets_directory(self) -> Path:
        """All single assets."""
        return self.root / "assets"

    def entry_directory(self, key: str) -> Path:
        """The directory of one bag's entry."""
        return self.bags_directory / safe_file_name(key)

    def bag_directory(self, key: str, dataset_rid: str) -> Path:
        """The bag of one entry."""
        return self.entry_directory(key) / safe_file_name(f"Dataset_{dataset_rid}")

    def asset_name(self, rid: str, md5_hex: str) -> str:
        """The name of an asset's directory."""
        return safe_file_name(f"{rid}_{md5_hex.lower()}")

    def asset_directory(self, name: str) -> Path:
        """The directory of one asset, by the name of ``asset_name``."""
        return self.assets_directory / safe_file_name(name)

    def partial_path(self, directory: Path, item: str) -> Path:
        """Where the bytes of one item (a path in a bag, a file name) collect until they are whole."""
        digest = hashlib.sha256(item.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return directory / ".partial" / digest

    def lock_path(self, name: str) -> Path:
        """The lock file of one entry or asset."""
        return self.root / "dml-locks" / f"{safe_file_name(name)}.lock"


def key_of(target: Target, dataset_rid: str, version: str, snapshot: str | None, excluded: Iterable[str] = ()) -> str:
    """The key of a dataset version in the cache; the same on every machine, and known without a request.

    Args:
        target: The catalog.
        dataset_rid: The dataset.
        version: The version as the catalog stores it.
        snapshot: The snaptime at which it is read.
        excluded: Tables that are left out.
    """
    what = [_FORMAT, str(target.live), dataset_rid, version, snapshot or "", sorted(set(excluded))]
    digest = hashlib.sha256(json.dumps(what, ensure_ascii=True).encode()).hexdigest()[:32]
    return f"dml-{digest}_{snapshot or 'live'}"


def split_asset_name(name: str) -> tuple[str, str] | None:
    """RID and MD5 of an asset's directory name; None when it is no such name."""
    match = _ASSET_NAME.fullmatch(name)
    return (match[1], match[2]) if match else None
