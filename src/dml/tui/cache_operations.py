"""What actions on the cache do: the functions of ``dml cache``, called in a thread; each returns one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dml.errors import ConflictError, DmlError
from dml.formatting import format_size
from dml.safe_text import safe
from dml.tui.processes import ProcessEnvironment
from dml.workspace.layout import find as find_workspace

if TYPE_CHECKING:
    from dml.cache.clear import Plan
    from dml.cache.layout import Cache


class CacheOperations:
    """The operations on the cache of one workspace.

    Args:
        place: Where.
    """

    def __init__(self, place: ProcessEnvironment) -> None:
        self._place = place

    def warm(self, name: str) -> str:
        """``dml cache warm NAME``, in a process of its own; returns what it said at its end."""
        return self._apart(name, "warm")

    def verify(self, name: str) -> str:
        """``dml cache verify NAME``, in a process of its own; returns what it said at its end."""
        return self._apart(name, "verify")

    def pin(self, name: str) -> str:
        """``dml cache pin NAME``."""
        return self._change_pin(name, "pin")

    def unpin(self, name: str) -> str:
        """``dml cache unpin NAME``."""
        return self._change_pin(name, "unpin")

    def plan_clearing(self, name: str) -> list[str]:
        """``dml cache clear NAME --dry-run``: what would go, and what would stay and why."""
        plan = self._plan(name)
        goes = [f"goes   {one.item.name}  {format_size(one.bytes)}  {one.reason}" for one in plan.removals]
        return goes + [f"stays  {one.item.name}  {one.reason}" for one in plan.kept]

    def clear(self, name: str) -> str:
        """``dml cache clear NAME``."""
        from dml.cache.clear import clear
        from dml.cache.index import Index

        plan = self._plan(name)
        with Index.writing(self._opened()) as index:
            done = clear(index, plan)
        if not done.removed and done.kept:
            raise ConflictError(f"{name} stays: {done.kept[0].reason}", hint="dml cache list shows why.")
        return f"{name}: {format_size(sum(one.bytes for one in done.removed))} freed"

    def _plan(self, name: str) -> Plan:
        from dml.cache.clear import Selection, plan_clearing
        from dml.cache.index import Index
        from dml.cache.inventory import take_inventory
        from dml.cache.usage import usage_of

        cache = self._opened()
        workspace = find_workspace(self._place.target, self._place.directory)
        with Index.reading(cache) as index:
            items = take_inventory(index, usage_of(workspace, cache, links=True), workspace_root=workspace.root)
            return plan_clearing(index, items, Selection((name,)))

    def _change_pin(self, name: str, verb: str) -> str:
        from dml.cache import pins
        from dml.cache.index import Index

        rid, _, version = name.partition("@")
        change = pins.pin if verb == "pin" else pins.unpin
        with Index.writing(self._opened()) as index:
            changed = change(index, rid, version)
        return f"{name}: {f'{verb}ned' if changed else 'nothing to do'}"

    def _opened(self) -> Cache:
        from dml.cache.layout import Cache

        return Cache.of(find_workspace(self._place.target, self._place.directory), self._place.cache)

    def _apart(self, name: str, verb: str) -> str:
        child = self._place.begin(["cache", verb, name, "--progress", "none"])
        said, _ = child.communicate()
        words = "\n".join(safe(line, limit=300) for line in said.decode("utf-8", "replace").splitlines()[-4:])
        if child.returncode:
            raise DmlError(words or f"{verb} {name} ended badly")
        return words or f"{name}: done"
