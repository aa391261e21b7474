"""What actions on the cache do: the functions of ``dml cache``, called in a thread; each returns one line."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from dml.errors import DmlError
from dml.formatting import format_size
from dml.safe_text import safe
from dml.tui.processes import ProcessEnvironment
from dml.workspace.layout import find_workspace

if TYPE_CHECKING:
    from dml.cache.clear_plan import ClearPlan
    from dml.cache.layout import Cache
    from dml.cache.session import CacheSession


class CacheOperations:
    """The operations on the cache of one workspace.

    Args:
        place: Where.
    """

    def __init__(self, place: ProcessEnvironment) -> None:
        self._place = place

    def warm(self, name: str) -> str:
        """``dml cache warm NAME``, in a separate process; returns the last lines of its output."""
        return self._apart(name, "warm")

    def verify(self, name: str) -> str:
        """``dml cache verify NAME``, in a separate process; returns the last lines of its output."""
        return self._apart(name, "verify")

    def pin(self, name: str) -> str:
        """``dml cache pin NAME``."""
        from dml.cache.pin import pin
        from dml.dataset.spec import DatasetSpec

        with self._open_for_writing() as session:
            return f"{name}: {'pinned' if pin(session, DatasetSpec.parse(name)).changed else 'nothing to do'}"

    def unpin(self, name: str) -> str:
        """``dml cache unpin NAME``."""
        from dml.cache.pin import unpin
        from dml.dataset.spec import DatasetSpec

        with self._open_for_writing() as session:
            return f"{name}: {'unpinned' if unpin(session, DatasetSpec.parse(name)).changed else 'nothing to do'}"

    def plan_clearing(self, name: str) -> list[str]:
        """``dml cache clear NAME --dry-run``: what would be removed, and what would be kept and why."""
        plan, _ = self._plan(name)
        removed = [f"remove {one.entry.name}  {format_size(one.bytes)}  {one.reason}" for one in plan.removed]
        return removed + [f"keep   {one.entry.name}  {one.reason}" for one in plan.kept]

    def clear(self, name: str) -> str:
        """``dml cache clear NAME``."""
        from dml.cache.clear import clear

        plan, cache = self._plan(name)
        plan.require_removals()
        return f"{name}: {format_size(clear(cache, plan).bytes)} freed"

    def _plan(self, name: str) -> tuple[ClearPlan, Cache]:
        from dml.cache.clear_plan import Selection, plan_clearing
        from dml.cache.session import open_for_reading

        workspace = find_workspace(self._place.target, self._place.directory)
        with open_for_reading(workspace, self._place.cache) as session:
            return plan_clearing(session, Selection((name,))), session.cache

    def _open_for_writing(self) -> AbstractContextManager[CacheSession]:
        from dml.cache.session import open_for_writing

        return open_for_writing(find_workspace(self._place.target, self._place.directory), self._place.cache)

    def _apart(self, name: str, verb: str) -> str:
        child = self._place.begin(["cache", verb, name, "--progress", "none"])
        said, _ = child.communicate()
        words = "\n".join(safe(line, limit=300) for line in said.decode("utf-8", "replace").splitlines()[-4:])
        if child.returncode:
            raise DmlError(words or f"{verb} {name} failed")
        return words or f"{name}: done"
