"""``dml`` without a command: the selected target and what needs attention.

Reads settings, the registry and the disk; asks no server and creates nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dml._version import __version__
from dml.cli.app.invocation import Invocation
from dml.cli.app.output import Cell, Column, Console
from dml.disk import free_bytes
from dml.errors import DmlError
from dml.formatting import abbreviate_home, format_size, pluralize

if TYPE_CHECKING:
    from dml.cache.inventory import Totals
    from dml.target import Target
    from dml.workspace.layout import Workspace
    from dml.workspace.liveness import Liveness

__all__ = ["Overview", "look", "overview", "waiting_in"]


@dataclass(frozen=True)
class Overview:
    """The state of one workspace; executions by RID, most recent first.

    Attributes:
        target: The catalog, None when none has been chosen.
        workspace: Its directory, None without a target.
        free: Bytes free on the workspace's disk; None when unknown.
        pending: Not running, with staged outputs that are not in the catalog.
        dead: ``Running``, but the process is gone.
        running: ``Running`` and alive, on another host, or not watched; with the last progress message.
        unsynced: With a status that is not synced to the catalog.
        total: All executions of the workspace.
        cache: What the cache holds, None when there is none.
    """

    target: str | None
    workspace: Path | None
    free: int | None
    pending: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    running: tuple[tuple[str, str], ...] = ()
    unsynced: tuple[str, ...] = ()
    total: int = 0
    cache: Totals | None = None


def overview(invocation: Invocation) -> None:
    """Print the overview."""
    state = look(invocation)
    console = invocation.console
    payload = {
        "version": __version__,
        "target": state.target,
        "workspace": state.workspace,
        "free_bytes": state.free,
        "executions": state.total,
        "pending": state.pending,
        "dead": state.dead,
        "running": [{"rid": rid, "detail": detail} for rid, detail in state.running],
        "sync_pending": state.unsynced,
        "cache": None if state.cache is None else asdict(state.cache),
    }
    console.emit("overview", payload, lambda: _render(state, console))


def look(invocation: Invocation) -> Overview:
    """Read what the overview shows.

    Raises:
        UsageError: A settings file is malformed.
        IntegrityError: The registry is damaged.
    """
    if not invocation.settings.has_target:
        return Overview(None, None, None)
    from dml.workspace.layout import Workspace

    root = invocation.workspace
    empty = Overview(str(invocation.target), root, free_bytes(root))
    workspace = Workspace(root, invocation.target)
    return replace(_with_executions(empty, workspace), cache=_cache(workspace, invocation.settings.get("cache_dir")))


def _cache(workspace: Workspace, directory: Path | None) -> Totals | None:
    """What the cache's index says; a damaged one is the business of ``dml cache``."""
    if not ((directory or workspace.cache_directory) / "index.sqlite").exists():
        return None  # what is not there need not be imported either
    from dml.cache.index import Index
    from dml.cache.inventory import totals
    from dml.cache.layout import Cache

    try:
        with Index.reading(Cache.of(workspace, directory)) as index:
            cache_totals = totals(index)
    except DmlError:
        return None
    return cache_totals if cache_totals.bags or cache_totals.assets else None


def _with_executions(state: Overview, workspace: Workspace) -> Overview:
    from dml.workspace.executions import list_executions
    from dml.workspace.liveness import list_liveness
    from dml.workspace.registry import Registry

    with Registry.reading(workspace) as registry:
        if not registry.exists:
            return state
        rows = list_executions(registry)
        waiting = list_executions(registry, pending=True)
        alive = list_liveness(registry)
    dead = tuple(row.rid for row in rows if row.status == "Running" and _state(alive.get(row.rid)) == "dead")
    running = [row for row in rows if row.status == "Running" and row.rid not in dead]
    return replace(
        state,
        total=len(rows),
        dead=dead,
        running=tuple((row.rid, row.status_detail or "") for row in running),
        pending=tuple(row.rid for row in waiting if row.status not in ("Running", "Aborted")),
        unsynced=tuple(row.rid for row in rows if row.sync_pending),
    )


def waiting_in(target: Target) -> tuple[str, ...]:
    """Executions of a target's default workspace that wait to be uploaded or may still run."""
    from dml.workspace.layout import Workspace

    state = _with_executions(Overview(None, None, None), Workspace(target.default_workspace, target))
    return (*state.pending, *state.dead, *(rid for rid, _ in state.running))


def _state(liveness: Liveness | None) -> str:
    """``unknown`` for an execution that nothing watches, such as one that deriva-ml runs."""
    return liveness.state if liveness is not None else "unknown"


def _render(state: Overview, console: Console) -> None:
    if state.target is None:
        console.print(f"dml {__version__} · no catalog selected")
        console.print()
        _rows(
            console,
            [
                ("try the worked example, no setup needed", "dml demo"),
                ("select an existing catalog", "dml catalog use HOST/NUMBER"),
                ("check this machine", "dml doctor"),
            ],
        )
    else:
        free = f" ({format_size(state.free)} free)" if state.free is not None else ""
        target = " / catalog ".join(state.target.split("/", 1))
        console.print(f"dml {__version__} · {target} · workspace {abbreviate_home(state.workspace or Path())}{free}")
        console.print()
        lines = list(_lines(state))
        if lines:
            console.table([Column(""), Column(""), Column("", whole=True)], lines, indent=2)
        elif state.total and state.cache is None:
            console.print(f"  nothing pending; {pluralize(state.total, 'execution')} here      dml exec list")
        else:
            console.print("  no executions yet      dml demo, or dml exec create --help")
    console.print()
    console.print("dml tui for the dashboard · dml COMMAND --help")


def _rows(console: Console, rows: list[tuple[str, str]]) -> None:
    console.table([Column(""), Column("", whole=True)], rows, indent=2)


def _lines(state: Overview) -> list[tuple[object, object, object]]:
    lines: list[tuple[object, object, object]] = []
    if state.pending:
        waits = "execution has outputs" if len(state.pending) == 1 else "executions have outputs"
        what = Cell(f"{len(state.pending)} {waits} to upload", "yellow")
        lines.append((what, _some(state.pending), "dml exec commit --all"))
    if state.dead:
        whose = "execution has a dead process" if len(state.dead) == 1 else "executions have a dead process"
        what = Cell(f"{len(state.dead)} {whose}", "red")
        lines.append((what, _some(state.dead), f"dml exec resume {state.dead[0]} --commit"))
    if state.running:
        what = Cell(f"{len(state.running)} {'is' if len(state.running) == 1 else 'are'} running", "green")
        detail = state.running[0][1] if len(state.running) == 1 else ""
        lines.append((what, _some(tuple(rid for rid, _ in state.running)), detail or "dml exec list"))
    if state.unsynced:
        what = Cell(f"{pluralize(len(state.unsynced), 'status', 'statuses')} not synced to the catalog", "yellow")
        lines.append((what, _some(state.unsynced), "dml exec sync"))
    if state.cache is not None:
        if not lines:
            lines.append(("nothing pending", pluralize(state.total, "execution"), "dml exec list"))
        missing = f", {state.cache.incomplete} incomplete" if state.cache.incomplete else ""
        held = f"cache {format_size(state.cache.bytes)} in {pluralize(state.cache.bags, 'dataset')}{missing}"
        lines.append((held, pluralize(state.cache.assets, "asset") if state.cache.assets else "", "dml cache list"))
    return lines


def _some(rids: tuple[str, ...]) -> str:
    return ", ".join(rids[:4]) + (f" and {len(rids) - 4} more" if len(rids) > 4 else "")
