"""Which executions of the workspace use what is in the cache, and which of them still need it.

An execution needs its inputs until it is closed: while it was created, runs, stopped, or waits to be uploaded. One that
failed needs them only as long as it has outputs to upload. Executions of deriva-ml are read by their configuration.
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
from dml.workspace.inputs import all_inputs
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry

__all__ = ["Usage", "usage_of"]

Item = tuple[str, str]
"""RID and version; the version of an asset is empty."""


@dataclass(frozen=True)
class Usage:
    """Who uses what, and who needs it; RIDs of executions, the latest first.

    Attributes:
        users: By RID and version, the executions that have it as input.
        needers: Those of them that still need it.
        linked: By the name of an asset's directory, the executions whose directory links into it.
    """

    users: Mapping[Item, tuple[str, ...]] = field(default_factory=dict)
    needers: Mapping[Item, tuple[str, ...]] = field(default_factory=dict)
    linked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def users_of(self, rid: str, version: str = "") -> tuple[str, ...]:
        """The executions that have a dataset version or an asset as input."""
        return self.users.get((rid, version), ())

    def needers_of(self, rid: str, version: str = "") -> tuple[str, ...]:
        """The executions that still need it; an input without a recorded version needs every version."""
        return tuple(dict.fromkeys((*self.needers.get((rid, version), ()), *self.needers.get((rid, ""), ()))))

    def needers_of_any(self, rid: str) -> tuple[str, ...]:
        """The executions that still need some version of a dataset."""
        return tuple(dict.fromkeys(one for (of, _), ones in self.needers.items() if of == rid for one in ones))


def usage_of(workspace: Workspace, cache: Cache, *, links: bool = False) -> Usage:
    """Read the registry of a workspace; nothing is created.

    Args:
        workspace: The workspace.
        cache: Its cache.
        links: Also look into the directories of executions for links into the cache, as deriva-ml makes them.
    """
    users: dict[Item, dict[str, None]] = defaultdict(dict)
    needers: dict[Item, dict[str, None]] = defaultdict(dict)
    with Registry.reading(workspace) as registry:
        rows = list_executions(registry)
        pending = {row.rid for row in list_executions(registry, pending=True)}
        declared: dict[str, list[Item]] = defaultdict(list)
        for execution, one in all_inputs(registry):
            if one.kind in ("dataset", "asset"):
                declared[execution].append((one.rid, one.version or ""))
    closed = set()
    for row in rows:
        needed = _is_open(row, row.rid in pending)
        if not needed:
            closed.add(row.rid)
        for item in (*declared[row.rid], *_configured(row.config_json)):
            users[item][row.rid] = None
            if needed:
                needers[item][row.rid] = None
    linked = _links(workspace, cache, closed) if links else {}
    return Usage(_frozen(users), _frozen(needers), linked)


def _is_open(row: ExecutionRow, pending: bool) -> bool:
    if row.status == "Failed":
        return pending
    return row.status not in CLOSED_STATUSES


def _configured(text: str) -> Iterator[Item]:
    """Inputs as a configuration names them; what cannot be read names none."""
    try:
        configuration = json.loads(text)
    except ValueError:
        return
    if not isinstance(configuration, dict):
        return
    for one in configuration.get("datasets") or ():
        if isinstance(one, dict) and isinstance(one.get("rid"), str):
            yield one["rid"], _version(one.get("version"))
    for one in configuration.get("assets") or ():
        rid = one.get("rid") if isinstance(one, dict) else one
        if isinstance(rid, str):
            yield rid, ""


def _version(value: Any) -> str:
    if isinstance(value, dict):
        return ".".join(str(value.get(part, 0)) for part in ("major", "minor", "patch"))
    return value if isinstance(value, str) else ""


def _links(workspace: Workspace, cache: Cache, closed: set[str]) -> dict[str, tuple[str, ...]]:
    """Assets of the cache that directories of open executions link into, with those executions."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for execution in _names(workspace.executions_directory):
        if execution in closed:
            continue
        below = workspace.executions_directory / execution / "downloaded-assets"
        for table in _names(below):
            for asset in _names(below / table):
                for file in _names(below / table / asset):
                    name = _linked_name(below / table / asset / file, cache)
                    if name:
                        found[name][execution] = None
    return _frozen(found)


def _linked_name(path: Path, cache: Cache) -> str:
    try:
        target = Path(os.path.normpath(path.parent / path.readlink()))
    except OSError:
        return ""
    try:
        return target.relative_to(cache.assets_directory).parts[0]
    except (ValueError, IndexError):
        return ""


def _names(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208 - names are what is wanted
    except OSError:
        return []


def _frozen(found: Mapping[Any, dict[str, None]]) -> dict[Any, tuple[str, ...]]:
    return {item: tuple(names) for item, names in found.items()}
