"""Which executions of the workspace use what is cached, and which of them still need it.

An execution needs its inputs until it is closed: while it is created, running or stopped, and until it is uploaded. One
that failed needs them as long as it has outputs to upload. For executions of deriva-ml the configuration is read.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dml.cache.layout import Cache
from dml.workspace.executions import CLOSED_STATUSES, ExecutionRow, list_executions
from dml.workspace.inputs import list_all_inputs
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry

__all__ = ["Usage", "read_usage"]

Input = tuple[str, str]
"""RID and version; the version of an asset is empty."""


@dataclass(frozen=True)
class Usage:
    """RIDs of executions, latest first, by what they use.

    Attributes:
        users: Executions that have a RID and version as an input.
        needers: Those of them that still need it.
        linked_by: By the name of an asset's directory, the open executions whose directories link into it.
    """

    users: Mapping[Input, tuple[str, ...]] = field(default_factory=dict)
    needers: Mapping[Input, tuple[str, ...]] = field(default_factory=dict)
    linked_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def used_by(self, rid: str, version: str = "") -> tuple[str, ...]:
        """The executions that have a dataset version or an asset as an input."""
        return self.users.get((rid, version), ())

    def needed_by(self, rid: str, version: str = "") -> tuple[str, ...]:
        """The executions that still need it; an input without a recorded version needs every version."""
        return tuple(dict.fromkeys((*self.needers.get((rid, version), ()), *self.needers.get((rid, ""), ()))))

    def needed_by_any_version(self, rid: str) -> tuple[str, ...]:
        """The executions that still need some version of a dataset."""
        found = (executions for (dataset, _), executions in self.needers.items() if dataset == rid)
        return tuple(dict.fromkeys(execution for executions in found for execution in executions))


def read_usage(workspace: Workspace, cache: Cache, *, links: bool = False) -> Usage:
    """Read from the registry of a workspace which executions use what; creates nothing.

    Args:
        workspace: The workspace.
        cache: Its cache.
        links: Also find the symbolic links into the cache that deriva-ml creates in the directories of executions.
    """
    users: dict[Input, dict[str, None]] = defaultdict(dict)
    needers: dict[Input, dict[str, None]] = defaultdict(dict)
    with Registry.reading(workspace) as registry:
        rows = list_executions(registry)
        pending = {row.rid for row in list_executions(registry, pending=True)}
        declared: dict[str, list[Input]] = defaultdict(list)
        for execution, record in list_all_inputs(registry):
            if record.kind in ("dataset", "asset"):
                declared[execution].append((record.rid, record.version or ""))
    closed = set()
    for row in rows:
        is_open = _is_open(row, row.rid in pending)
        if not is_open:
            closed.add(row.rid)
        for key in (*declared[row.rid], *_configured_inputs(row.config_json)):
            users[key][row.rid] = None
            if is_open:
                needers[key][row.rid] = None
    return Usage(_tuples(users), _tuples(needers), _linked_assets(workspace, cache, closed) if links else {})


def _is_open(row: ExecutionRow, pending: bool) -> bool:
    if row.status == "Failed":
        return pending
    return row.status not in CLOSED_STATUSES


def _configured_inputs(text: str) -> Iterator[Input]:
    """The inputs that a configuration names; none when it cannot be read."""
    try:
        configuration = json.loads(text)
    except ValueError:
        return
    if not isinstance(configuration, dict):
        return
    for dataset in configuration.get("datasets") or ():
        if isinstance(dataset, dict) and isinstance(dataset.get("rid"), str):
            yield dataset["rid"], _version(dataset.get("version"))
    for asset in configuration.get("assets") or ():
        rid = asset.get("rid") if isinstance(asset, dict) else asset
        if isinstance(rid, str):
            yield rid, ""


def _version(value: Any) -> str:
    if isinstance(value, dict):
        return ".".join(str(value.get(part, 0)) for part in ("major", "minor", "patch"))
    return value if isinstance(value, str) else ""


def _linked_assets(workspace: Workspace, cache: Cache, closed: set[str]) -> dict[str, tuple[str, ...]]:
    """Assets of the cache that files of open executions are links to, with those executions.

    The files are ``downloaded-assets/<table>/<asset>/<file>`` in the directory of an execution.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for execution in _names(workspace.executions_directory):
        if execution in closed:
            continue
        downloads = workspace.executions_directory / execution / "downloaded-assets"
        for table in _names(downloads):
            for asset in _names(downloads / table):
                for file in _names(downloads / table / asset):
                    name = _linked_asset(downloads / table / asset / file, cache)
                    if name:
                        found[name][execution] = None
    return _tuples(found)


def _linked_asset(path: Path, cache: Cache) -> str:
    """The name of the asset that a symbolic link leads to; empty when it is not one into the cache."""
    try:
        target = Path(os.path.normpath(path.parent / path.readlink()))
        return target.relative_to(cache.assets_directory).parts[0]
    except (OSError, ValueError, IndexError):
        return ""


def _names(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208 - names are enough
    except OSError:
        return []


def _tuples(found: Mapping[Any, dict[str, None]]) -> dict[Any, tuple[str, ...]]:
    return {key: tuple(names) for key, names in found.items()}
