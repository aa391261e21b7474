"""The paths of a workspace: the layout that deriva-ml and dml share.

Nothing here reads the disk or creates anything; creating and opening is in ``files``. Every name that becomes part of a
path is checked by ``safe_file_name``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dml.target import Target
from dml.workspace.files import check_inside
from dml.workspace.names import safe_file_name

__all__ = ["Workspace", "asset_key", "check_inside", "find_workspace", "safe_file_name", "split_asset_key"]

_REPLACED = re.compile(r'[/\\:<>"|?*]')


@dataclass(frozen=True)
class Workspace:
    """The local directory of one target.

    Attributes:
        root: The working directory, absolute.
        target: The catalog of its executions; each snapshot has its own registry.
    """

    root: Path
    target: Target

    @property
    def working_directory(self) -> Path:
        """``catalogs/<host>__<catalog>/working``, the registry's directory."""
        catalog = self.target.catalog_id + (f"@{self.target.snapshot}" if self.target.snapshot else "")
        name = _REPLACED.sub("_", f"{self.target.host}__{catalog}")
        return self.root / "catalogs" / safe_file_name(name) / "working"

    @property
    def registry_path(self) -> Path:
        """The SQLite registry."""
        return self.working_directory / "main.db"

    @property
    def locks_directory(self) -> Path:
        """dml's lock files, one per execution; outside the execution directories, so that cleanup keeps them."""
        return self.working_directory / "dml-locks"

    def lock_path(self, rid: str) -> Path:
        """The lock file of one execution."""
        return self.locks_directory / f"{safe_file_name(rid)}.lock"

    @property
    def executions_directory(self) -> Path:
        """The parent of all execution directories."""
        return self.root / "deriva-ml" / "execution"

    def execution_directory(self, rid: str) -> Path:
        """The files of one execution."""
        return self.executions_directory / safe_file_name(rid)

    def assets_directory(self, rid: str) -> Path:
        """The staged outputs of one execution, by table."""
        return self.execution_directory(rid) / "assets"

    def staged_path(self, rid: str, table: str, filename: str) -> Path:
        """One staged output: a file, or a symbolic link to its source."""
        return _assets_directory(self, rid).joinpath(safe_file_name(table), safe_file_name(filename))

    def types_file(self, rid: str, schema: str, table: str) -> Path:
        """JSON lines ``{filename: [asset types]}`` of one asset table; a later line replaces an earlier one."""
        directory = self.execution_directory(rid) / "asset-type" / safe_file_name(schema)
        return directory / safe_file_name(f"{table}.jsonl")

    def downloaded_directory(self, rid: str, table: str, asset_rid: str) -> Path:
        """The directory that holds one input asset of an execution under its file name."""
        root = self.execution_directory(rid) / "downloaded-assets"
        return root / safe_file_name(table) / safe_file_name(asset_rid)

    def downloaded_path(self, rid: str, table: str, asset_rid: str, filename: str) -> Path:
        """One input asset of an execution."""
        return self.downloaded_directory(rid, table, asset_rid) / safe_file_name(filename)

    def table_path(self, schema: str, table: str) -> Path:
        """A table as CSV for the user; it is not uploaded."""
        directory = self.root / "deriva-ml" / "table" / safe_file_name(schema) / safe_file_name(table)
        return directory / safe_file_name(f"{table}.csv")

    def upload_directory(self, rid: str) -> Path:
        """deriva-ml's temporary upload directory of an execution, which dml only removes."""
        return self.root / "upload" / safe_file_name(rid)

    @property
    def cache_directory(self) -> Path:
        """The cache of bags and assets, unless the setting ``cache_dir`` names another."""
        return self.root / "cache"

    @property
    def bags_directory(self) -> Path:
        """Extracted dataset bags."""
        return self.cache_directory / "bags"

    def bag_directory(self, checksum: str, dataset_rid: str) -> Path:
        """One extracted bag."""
        return self.bags_directory / safe_file_name(checksum) / safe_file_name(f"Dataset_{dataset_rid}")

    @property
    def schema_cache_path(self) -> Path:
        """deriva-ml's copy of the catalog's schema."""
        return self.root / "schema-cache.json"

    @property
    def hydra_directory(self) -> Path:
        """Output directories of single Hydra runs."""
        return self.root / "hydra"


@lru_cache(maxsize=64)
def _assets_directory(workspace: Workspace, rid: str) -> Path:
    return workspace.assets_directory(rid)  # cached because an execution may have very many files


def find_workspace(target: Target, directory: Path | str | None = None) -> Workspace:
    """The workspace of a target. Creates nothing.

    Args:
        target: The catalog.
        directory: The directory from an option or setting, in which ``~`` is expanded; ``~/.deriva-ml/HOST/ID`` when
            None.
    """
    root = target.default_workspace if directory is None else Path(directory).expanduser()
    return Workspace(root.absolute(), target)


def asset_key(table: str, filename: str) -> str:
    """The registry's key of a staged file, ``Table/filename``.

    Raises:
        UnsafePathError: Table or file name cannot be part of a path.
    """
    return f"{safe_file_name(table)}/{safe_file_name(filename)}"


def split_asset_key(key: str) -> tuple[str, str]:
    """The table and file name in a staged file's key.

    Raises:
        UnsafePathError: The key, which another program may have written, does not have this form.
    """
    table, _, filename = key.partition("/")
    return safe_file_name(table), safe_file_name(filename)
