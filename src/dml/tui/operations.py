"""What actions do: calls of the same functions as the command line's, made in a thread; and commits in a process apart.

Each returns one line for people. A commit is ``dml exec commit RID`` in a session of its own, so that it survives the
dashboard however that ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dml.errors import ConflictError, DmlError
from dml.execution import collecting, lifecycle
from dml.execution import resume as resuming
from dml.execution.status import ExecutionStatus
from dml.execution.sync import push_all
from dml.execution.workplace import Workplace
from dml.formatting import binary_size, count
from dml.safe_text import safe
from dml.tui.progress_records import ProgressRecords, last_words
from dml.workspace.layout import find as find_workspace
from dml.workspace.locks import lock_state
from dml.workspace.process import ProcessIdentity, whereabouts

if TYPE_CHECKING:
    from dml.cache.clearing import Plan
    from dml.cache.layout import Cache
    from dml.execution.lifecycle import Transition
    from dml.target import Target

GRACE_SECONDS = 5.0
"""A process that was told to end and does not is killed after this time; nothing is lost by that."""

CANCELLED = "the upload was cancelled"


class Operations:
    """The operations on one workspace.

    Args:
        target: The catalog.
        directory: The workspace's directory.
        cache: Directory of the cache; None for the workspace's own.
        environment: Added to the environment of processes that are begun.

    Attributes:
        commit_failed: Called from a thread with RID and last words when a commit begun here ends badly.
    """

    def __init__(
        self, target: Target, directory: Path, cache: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.target = target
        self._directory = directory
        self._cache = cache
        self._environment = dict(environment or {})
        self.commit_failed: Callable[[str, str], object] = lambda rid, words: None  # noqa: ARG005

    def resume(self, rid: str) -> str:
        """``dml exec resume RID``."""
        with self._working() as place:
            found = resuming.resume(place, rid)
        return f"{rid}: {'; '.join(found.actions) or 'nothing to do'}"

    def stop(self, rid: str) -> str:
        """``dml exec stop RID``."""
        with self._working() as place:
            return _told(lifecycle.stop(place, rid))

    def abort(self, rid: str) -> str:
        """``dml exec abort RID``."""
        with self._working() as place:
            return _told(lifecycle.abort(place, rid))

    def sync(self) -> str:
        """``dml exec sync``."""
        with self._working() as place:
            problems = push_all(place)
        if problems:
            return f"{count(len(problems), 'status', 'statuses')} could not be told: {problems[0][1].message}"
        return "the catalog knows every status"

    def collect(self, rid: str) -> str:
        """``dml exec gc RID``."""
        with self._working() as place:
            freed = sum(collecting.collect(place, one) for one in collecting.candidates(place, [rid]))
        return f"{rid}: {binary_size(freed)} freed" if freed else f"{rid}: nothing to do"

    def commit(self, rid: str) -> str:
        """``dml exec commit RID``, in a process of its own; returns once it runs."""
        records = ProgressRecords(self._directory)
        path = records.begin(rid)
        command = [sys.executable, "-m", "dml.cli", "exec", "commit", rid, "--progress", "json"]
        with path.open("ab") as record:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=record,
                start_new_session=True,
                env={**os.environ, **self._settings()},
            )
        records.name_process(rid, child.pid)
        watch = threading.Thread(target=self._await_end, args=(rid, child, path), name=f"dml-tui-{rid}", daemon=True)
        watch.start()
        return f"{rid}: the upload runs as process {child.pid}"

    def pause(self, rid: str) -> str:
        """End the process that commits an execution; the next commit goes on where it stopped.

        Raises:
            ConflictError: No process of this machine commits it.
        """
        with Workplace.reading(self.target, self._directory) as place:
            lock = lock_state(place.workspace, rid, place.registry)
        holder = lock.holder if lock.locked else None
        if holder is None or whereabouts(holder) != "alive" or holder.pid == os.getpid():
            raise ConflictError(f"no process of this machine uploads {rid}", hint=f"dml exec show {rid}")
        _end(holder)
        return f"{rid}: the upload is paused; commit goes on"

    def cancel(self, rid: str) -> str:
        """End the process that commits an execution, if there is one, and mark it Failed."""
        with Workplace.reading(self.target, self._directory) as place:
            locked = lock_state(place.workspace, rid, place.registry).locked
        if locked:
            self.pause(rid)
        with self._working() as place:
            return _told(lifecycle.change(place, rid, ExecutionStatus.FAILED, error=CANCELLED))

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
        goes = [f"goes   {one.item.name}  {binary_size(one.bytes)}  {one.reason}" for one in plan.removals]
        return goes + [f"stays  {one.item.name}  {one.reason}" for one in plan.kept]

    def clear(self, name: str) -> str:
        """``dml cache clear NAME``."""
        from dml.cache.clearing import clear
        from dml.cache.index import Index

        plan = self._plan(name)
        with Index.writing(self._cache_place()) as index:
            done = clear(index, plan)
        if not done.removed and done.kept:
            raise ConflictError(f"{name} stays: {done.kept[0].reason}", hint="dml cache list shows why.")
        return f"{name}: {binary_size(sum(one.bytes for one in done.removed))} freed"

    def _plan(self, name: str) -> Plan:
        from dml.cache.clearing import Selection, plan_clearing
        from dml.cache.index import Index
        from dml.cache.survey import survey
        from dml.cache.usage import usage_of

        cache = self._cache_place()
        workspace = find_workspace(self.target, self._directory)
        with Index.reading(cache) as index:
            items = survey(index, usage_of(workspace, cache, links=True), workspace_root=workspace.root)
            return plan_clearing(index, items, Selection((name,)))

    def _change_pin(self, name: str, verb: str) -> str:
        from dml.cache import pins
        from dml.cache.index import Index

        rid, _, version = name.partition("@")
        change = pins.pin if verb == "pin" else pins.unpin
        with Index.writing(self._cache_place()) as index:
            changed = change(index, rid, version)
        return f"{name}: {f'{verb}ned' if changed else 'nothing to do'}"

    def _cache_place(self) -> Cache:
        from dml.cache.layout import Cache

        return Cache.of(find_workspace(self.target, self._directory), self._cache)

    def _apart(self, name: str, verb: str) -> str:
        command = [sys.executable, "-m", "dml.cli", "cache", verb, name, "--progress", "none"]
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **self._settings()},
        )
        said, _ = child.communicate()
        words = "\n".join(safe(line, limit=300) for line in said.decode("utf-8", "replace").splitlines()[-4:])
        if child.returncode:
            raise DmlError(words or f"{verb} {name} ended badly")
        return words or f"{name}: done"

    def _await_end(self, rid: str, child: subprocess.Popen[bytes], record: Path) -> None:
        """Wait for a commit, so that none stays behind ended, and pass on why it failed; a pause is no failure."""
        code = child.wait()
        if code > 0 and code not in (128 + signal.SIGTERM, 128 + signal.SIGINT):
            self.commit_failed(rid, last_words(record))

    def _working(self) -> Workplace:
        return Workplace.writing(self.target, self._directory, cache=self._cache)

    def _settings(self) -> dict[str, str]:
        settings = {"DML_CATALOG": str(self.target), "DML_WORKSPACE": str(self._directory), **self._environment}
        if self._cache is not None:
            settings["DML_CACHE"] = str(self._cache)
        return settings


def _told(result: Transition) -> str:
    text = f"{result.row.rid} is {result.row.status}"
    return f"{text}; the catalog was not told: {result.problem.message}" if result.problem else text


def _end(process: ProcessIdentity) -> None:
    """Tell a process to end, and kill it when it does not; returns when it is gone."""
    limit = time.monotonic() + GRACE_SECONDS
    os.kill(process.pid, signal.SIGTERM)
    while whereabouts(process) == "alive":
        if time.monotonic() > limit:
            os.kill(process.pid, signal.SIGKILL)
            limit = float("inf")
        time.sleep(0.05)
