"""Driving the dashboard as a user does: keys and the mouse in, what the screen says out; a source that tests feed."""

from __future__ import annotations

import asyncio
import queue
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from dml.cache.entries import CacheEntry
from dml.errors import DmlError, NotFoundError
from dml.execution.local_list import ExecutionDetails, LocalExecution
from dml.preflight.preflight import ResultCallback
from dml.preflight.results import Report, Result
from dml.tui.app import Dashboard
from dml.tui.lineage_branches import Branch
from dml.tui.live_cache_reader import CacheState
from dml.tui.live_project_reader import ProjectExperiment, ProjectState
from dml.tui.messages import DetailsChanged, LocalChanged, RemoteChanged
from dml.tui.source import Post
from dml.tui.state import Details, Local, Remote
from dml.tui.widgets.key_line import KeyLine
from dml.workspace.executions import ExecutionRow
from dml.workspace.liveness import Liveness
from dml.workspace.pending import Pending
from dml.workspace.process import ProcessIdentity

NOW = datetime(2026, 3, 4, 12, 4, 0, tzinfo=UTC)

Script = Callable[[Pilot[None]], Awaitable[None]]

PATIENCE = 60.0
"""Seconds after which something that does not happen is a failure."""


@dataclass
class FedSource:
    """A source that posts what a test hands it."""

    local: Local = field(default_factory=lambda: Local(loaded=True))
    remote: Remote = field(default_factory=Remote)
    details: dict[str, ExecutionDetails] = field(default_factory=dict)
    looked_at: list[str | None] = field(default_factory=list)
    refreshed: int = 0
    stopped: bool = False
    post: Post = lambda message: None

    def start(self, post: Post) -> None:
        self.post = post
        post(LocalChanged(self.local))
        post(RemoteChanged(self.remote))

    def stop(self) -> None:
        self.stopped = True

    def look_at(self, rid: str | None) -> None:
        self.looked_at.append(rid)
        if rid is not None and rid in self.details:
            self.post(DetailsChanged(Details(rid, self.details[rid])))

    def refresh(self) -> None:
        self.refreshed += 1

    def feed(self, **changes: Any) -> None:
        """Say something new about the workspace."""
        self.local = Local(**{**vars(self.local), **changes})
        self.post(LocalChanged(self.local))


class RecordedOperations:
    """Operations that only remember what was called; ``error`` is raised instead when a test sets it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.error: Exception | None = None

    @property
    def cache(self) -> RecordedOperations:
        """Those on the cache are remembered here as well."""
        return self

    @property
    def runs(self) -> RecordedOperations:
        """Those that start runs, too."""
        return self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: str) -> Any:
            if self.error is not None:
                raise self.error
            self.calls.append((name, *arguments))
            if name == "plan_clearing":
                return [f"remove {arguments[0]}  1.0 MiB"]
            return f"{name} {' '.join(arguments)} done"

        return call


class FakeLineageReader:
    """Lineage that a test provides: a branch or an error for each direction and RID."""

    def __init__(self) -> None:
        self.branches: dict[tuple[str, str], Branch | DmlError] = {}

    def backward(self, rid: str) -> Branch:
        return self._of("backward", rid)

    def forward(self, rid: str) -> Branch:
        return self._of("forward", rid)

    def nested(self, rid: str) -> Branch:
        return self._of("nested", rid)

    def _of(self, way: str, rid: str) -> Branch:
        found = self.branches.get((way, rid), NotFoundError(f"No row {rid}", hint="dml exec list"))
        if isinstance(found, DmlError):
            raise found
        return found


class FedCache:
    """A cache that a test fills; read again only after ``put``."""

    def __init__(self) -> None:
        self.state: CacheState | None = CacheState((), 41 << 30, Path("/cache"))

    def put(self, *items: CacheEntry) -> None:
        self.state = CacheState(items, 41 << 30, Path("/cache"))

    def read(self) -> CacheState | None:
        state, self.state = self.state, None
        return state


class FedProjects:
    """A project that a test hands over; a check tells the groups that the test lets come in."""

    def __init__(self, state: ProjectState | None = None) -> None:
        self.state = state or ProjectState(missing="No project here: `dml init` makes one.")
        self.reads = 0
        self.reports: dict[str, Report | DmlError] = {}
        self.groups: queue.Queue[tuple[str, Sequence[Result]] | None] = queue.Queue()

    def read(self) -> ProjectState:
        self.reads += 1
        return self.state

    def check(self, experiment: ProjectExperiment, on_result: ResultCallback) -> tuple[ProjectState, Report]:
        """Tell every group that is put, until None is."""
        while (group := self.groups.get(timeout=PATIENCE)) is not None:
            on_result(*group)
        found = self.reports[experiment.name]
        if isinstance(found, DmlError):
            raise found
        return self.state, found


def process(pid: int = 8123, command: str = "train.py") -> ProcessIdentity:
    """A process on another machine, so that no test looks one up here."""
    return ProcessIdentity(pid, "1", "gpu02", "boot", command, "2026-03-03T23:50:00+00:00")


def summary(
    rid: str,
    status: str = "Uploaded",
    *,
    workflow: str = "Train",
    pending: Pending | None = None,
    life: str = "",
    uploaded: int = 0,
    hours: float = 1.0,
    **fields: Any,
) -> LocalExecution:
    """An execution that was active so many hours before ``NOW``."""
    at = NOW - timedelta(hours=hours)
    row = ExecutionRow(
        **{
            "rid": rid,
            "workflow_rid": "2-W",
            "description": None,
            "config_json": "",
            "status": status,
            "mode": "online",
            "working_dir_rel": f"execution/{rid}",
            "start_time": at,
            "stop_time": None,
            "duration": None,
            "download_duration": None,
            "upload_duration": None,
            "last_activity": at,
            "error": None,
            "sync_pending": False,
            "created_at": at,
            **fields,
        }
    )
    alive = Liveness(life, process(), at, "process 8123 on gpu02 no longer exists") if life else None  # type: ignore[arg-type]
    return LocalExecution(row, pending or Pending(), uploaded, alive, workflow, 2)


def details(one: LocalExecution, **parts: Any) -> ExecutionDetails:
    """An execution closely, with nothing but what a test gives."""
    empty: dict[str, Any] = {
        "configuration": {},
        "inputs": (),
        "assets": (),
        "features": (),
        "journal": (),
        "directory": Path("/workspace"),
    }
    return ExecutionDetails(summary=one, **{**empty, **parts})


def some_executions() -> tuple[LocalExecution, ...]:
    """One of each kind."""
    return (
        summary(
            "5A0",
            "Running",
            workflow="ResNet50 v3",
            life="running",
            hours=2.1,
            status_detail="epoch 12/50, loss 0.31",
            pending=Pending(3, 3 << 20),
        ),
        summary("4W8", "Running", life="dead", hours=12.1, pending=Pending(2, 1_288_490_189)),
        summary(
            "4VP",
            "Stopped",
            hours=13,
            pending=Pending(2, 5120),
            description="second try",
            duration="0.0H 41.0min 3.0sec",
        ),
        summary("4WT", "Failed", hours=14, pending=Pending(2, 1 << 20), error="ValueError: bad batch [/x]"),
        summary("4T2", "Uploaded", hours=26, uploaded=3, duration="2.0H 10.0min 0.0sec", sync_pending=True),
        summary("4S0", "Aborted", hours=50, pending=Pending(1, 10), reason="wrong dataset"),
        summary("4R6", "Created", hours=70),
    )


def statuses(executions: Sequence[LocalExecution]) -> MappingProxyType[str, str | None]:
    """What a catalog that agrees would say."""
    return MappingProxyType({one.rid: one.status for one in executions})


def dashboard(
    executions: Sequence[LocalExecution] = (), *, link: Callable[[str], str] | None = None, **parts: Any
) -> tuple[Dashboard, FedSource, RecordedOperations]:
    """A dashboard on a fed source, with a clock that stands still."""
    remote = Remote("you@lab.example", statuses(executions), NOW - timedelta(seconds=3))
    source = FedSource(Local(tuple(executions), loaded=True, **parts), remote)
    for one in executions:
        source.details[one.rid] = details(one)
    operations = RecordedOperations()
    app = Dashboard(
        "data.example.org/7",
        source,
        operations,  # type: ignore[arg-type]
        FakeLineageReader(),  # type: ignore[arg-type]
        FedCache(),
        FedProjects(),
        link=link,
        clock=lambda: NOW,
    )
    return app, source, operations


def drive(app: App[None], script: Script, size: tuple[int, int] = (80, 24)) -> None:
    """Run an application, follow a script, and fail when it met a defect on the way."""

    async def run() -> None:
        use_eager_tasks()
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            if isinstance(app, Dashboard):
                await until(pilot, lambda: _keys(app), "the last line shows keys")
                await pilot.pause()
            await script(pilot)
        crashes: list[BaseException] = getattr(app, "crashes", [])
        assert not crashes, "".join(traceback.format_exception(crashes[0]))

    asyncio.run(run())


def use_eager_tasks() -> None:
    """Start tasks eagerly where Python can (3.12 and later), as Textual does on a terminal but not in `run_test`."""
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is not None:
        asyncio.get_running_loop().set_task_factory(factory)


def _keys(app: App[None]) -> bool:
    found = app.screen.query(KeyLine)
    return bool(found) and bool(found.first().actions)


async def until(pilot: Pilot[None], condition: Callable[[], object], what: str = "") -> None:
    """Let the application go on until something is so."""
    limit = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        assert asyncio.get_running_loop().time() < limit, f"never so: {what}\n{text_of(pilot.app)}"
        await pilot.pause(0.02)


def text_of(app: App[None]) -> str:
    """What the screen shows, line by line, without colours; dialogs included."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())
