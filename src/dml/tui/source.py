"""The live source: two threads that read, one the workspace and one the catalog, and post what they find.

Local changes are looked for four times a second by the registry's size and times alone; it is read when they changed,
and each second while something runs (a process may end without a word). A read is followed by a pause of several times
its length, so that a large workspace is not read all the time. Nothing is ever written.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from textual.message import Message

from dml.errors import DmlError
from dml.tui.catalog_reader import RemoteReader
from dml.tui.messages import DetailsChanged, LocalChanged, RemoteChanged, SourceStopped
from dml.tui.state import Details, Local
from dml.tui.workspace_reader import LocalReader

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.workspace.session import WorkspaceSession

LOOK, BUSY = 0.25, 1.0
"""Seconds between two looks at the registry's files, and between two reads while something runs."""

REST = 4.0
"""A pause after a read, in lengths of the read."""

WORKSPACE, CATALOG = "workspace", "catalog"
"""The two sides, as the application names them when one stops."""

Post = Callable[[Message], object]


class Source(Protocol):
    """What the application needs of a source; tests feed their own."""

    def start(self, post: Post) -> None:
        """Begin to read; what is found is posted from other threads."""

    def stop(self) -> None:
        """Read no more and post nothing any more."""

    def look_at(self, rid: str | None) -> None:
        """Follow one execution closely from now on, or none."""

    def refresh(self) -> None:
        """Read both sides now."""


class LiveSource:
    """Reads one workspace and its catalog.

    Args:
        place: Opened for reading; closed by ``stop``.
        connect: Opens the catalog for polling; None polls none.
    """

    def __init__(self, session: WorkspaceSession, connect: Callable[[], Catalog] | None) -> None:
        self._session = session
        self._local = LocalReader(session)
        self._remote = RemoteReader(connect) if connect is not None else None
        self._post: Post = _nowhere
        self._stopped = threading.Event()
        self._wake_local, self._wake_remote = threading.Event(), threading.Event()
        self._looked_at: str | None = None
        self._threads: list[threading.Thread] = []

    def start(self, post: Post) -> None:
        """Begin both threads."""
        self._post = post
        self._threads = [self._thread(WORKSPACE, self._follow_workspace, self._wake_local)]
        if self._remote is not None:
            self._threads.append(self._thread(CATALOG, self._follow_catalog, self._wake_remote))
        for thread in self._threads:
            thread.start()

    def _thread(self, part: str, follow: Callable[[], None], wake: threading.Event) -> threading.Thread:
        arguments = (part, follow, wake)
        return threading.Thread(target=self._keep_following, args=arguments, name=f"dml-tui {part}", daemon=True)

    def stop(self) -> None:
        """End; a request under way is left to end by itself."""
        self._stopped.set()
        self._post = _nowhere
        self._wake_local.set()
        self._wake_remote.set()
        self._threads[0].join(timeout=5)
        self._session.close()

    def look_at(self, rid: str | None) -> None:
        """Follow one execution closely."""
        if rid != self._looked_at:
            self._looked_at = rid
            self._wake_local.set()

    def refresh(self) -> None:
        """Read both sides now."""
        self._wake_local.set()
        self._wake_remote.set()

    def _keep_following(self, part: str, follow: Callable[[], None], wake: threading.Event) -> None:
        """Follow one side until the end; a defect is reported, and a refresh retries. The other side continues."""
        while not self._stopped.is_set():
            try:
                follow()
            except Exception as error:
                wake.clear()
                self._post(SourceStopped(part, error))
                if not self._stopped.is_set():
                    wake.wait()

    def _follow_workspace(self) -> None:
        try:
            self._look_at_workspace()
        finally:
            self._session.close()

    def _look_at_workspace(self) -> None:
        shown: Local | None = None
        details: Details | None = None
        next_read = 0.0
        while not self._stopped.is_set():
            woken = self._wake_local.is_set()
            self._wake_local.clear()
            began = time.monotonic()
            changed = self._local.has_changed()
            if (changed and began >= next_read) or woken or (self._local.is_busy and began >= next_read + BUSY):
                local = self._local.read(began)
                if local != shown:
                    shown = local
                    self._post(LocalChanged(local))
                details = self._read_details(details)
                ended = time.monotonic()
                next_read = ended + REST * (ended - began)
            self._wake_local.wait(LOOK)

    def _read_details(self, before: Details | None) -> Details | None:
        rid = self._looked_at
        if rid is None:
            return None
        details = None
        with suppress(DmlError):  # what is wrong with the registry is said by the read of the whole
            details = self._local.details(rid)
        if details is not None and details != before:
            self._post(DetailsChanged(details))
        return details

    def _follow_catalog(self) -> None:
        remote = self._remote
        if remote is None:
            return
        while not self._stopped.is_set():
            self._wake_remote.clear()
            self._post(RemoteChanged(remote.poll()))
            self._wake_remote.wait(remote.pause)


def _nowhere(message: Message) -> None:
    """Nobody listens before the start and after the end."""
