"""Asking the catalog, seldom and on condition: an answer that did not change costs one small request (ETag, RFC 9110).

The pause between two polls grows while nothing changes and while nobody answers. Only reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from dml.errors import DmlError
from dml.tui.state import Remote
from dml.workspace.times import utc_now

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

LATEST = 1_000
"""Executions whose status in the catalog is followed: those that changed last."""

SHORTEST, LONGEST, LONGEST_LOST = 5.0, 60.0, 120.0
"""Seconds between two polls: after a change, when nothing changes, when nobody answers."""

PATH = f"/attribute/deriva-ml:Execution/RID,RMT,Status@sort(RMT::desc::,RID)?limit={LATEST}"


class RemoteReader:
    """Polls one catalog from one thread.

    Args:
        connect: Opens the catalog; called at the first poll, and again until it succeeds.
        clock: Gives the present instant.
    """

    def __init__(self, connect: Callable[[], Catalog], clock: Callable[[], datetime] = utc_now) -> None:
        self._connect = connect
        self._clock = clock
        self._catalog: Catalog | None = None
        self._etag: str | None = None
        self.state = Remote()
        self.pause = SHORTEST

    def poll(self) -> Remote:
        """Ask once; sets ``pause`` to the seconds to wait before the next time."""
        before = self.state
        try:
            changed = self._ask()
        except DmlError as error:
            since = before.lost_since or self._clock()
            self.state = replace(before, lost_since=since, problem=error.message)
            self.pause = min(self.pause * 2, LONGEST_LOST)
            return self.state
        self.state = replace(self.state, polled_at=self._clock(), lost_since=None, problem="")
        self.pause = SHORTEST if changed or before.is_lost else min(self.pause * 1.5, LONGEST)
        return self.state

    def _ask(self) -> bool:
        """Read what changed; False when nothing did."""
        if self._catalog is None:
            self._catalog = self._connect()
        self._catalog.renew()
        if not self.state.identity:
            identity = self._catalog.whoami()
            self.state = replace(self.state, identity=identity.display_name if identity else "not signed in")
        condition = {"If-None-Match": self._etag} if self._etag else {}
        done = self._catalog.exchange("GET", PATH, headers=condition, accept=(304,))
        if done.response.status_code == 304:
            return False
        rows = self._catalog.border.json(done.response, PATH)
        self._etag = done.response.headers.get("ETag")
        self.state = replace(self.state, statuses={str(row["RID"]): row.get("Status") for row in rows})
        return True
