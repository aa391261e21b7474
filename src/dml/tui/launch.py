"""Putting the dashboard together for one workspace and running it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dml.tui.app import Dashboard
from dml.tui.lineage_branches import LineageReader
from dml.tui.live_cache_reader import LiveCacheReader
from dml.tui.live_project_reader import LiveProjectReader
from dml.tui.operations import Operations
from dml.tui.source import LiveSource
from dml.workspace.session import WorkspaceSession

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.target import Target


def dashboard(target: Target, directory: Path, cache: Path | None = None) -> Dashboard:
    """A dashboard that is not running yet.

    Args:
        target: The catalog.
        directory: The workspace's directory; it need not exist.
        cache: Directory of the cache; None for the workspace's own.
    """
    session = WorkspaceSession.reading(target, directory)
    link = None if target.is_embedded else partial(_link, target)
    source = LiveSource(session, partial(_connect, target))
    histories = LineageReader(partial(_connect_patiently, target))
    desk = LiveCacheReader(session.workspace, cache)
    projects = LiveProjectReader(target, directory, _connect_patiently, cache)
    operations = Operations(target, directory, cache)
    return Dashboard(str(target), source, operations, histories, desk, projects, link=link)


def run(target: Target, directory: Path, cache: Path | None = None) -> int:
    """Show the dashboard until the user leaves; returns the exit code."""
    app = dashboard(target, directory, cache)
    app.run()
    return app.return_code or 0


def _connect(target: Target) -> Catalog:
    """A connection that does not retry: the next poll is the next attempt."""
    from dml.catalog.connection import connect
    from dml.catalog.retry import RetryPolicy

    return connect(target, policy=RetryPolicy(attempts=1))


def _connect_patiently(target: Target) -> Catalog:
    """A connection for what the user waits for: it tries again a few times."""
    from dml.catalog.connection import connect
    from dml.catalog.retry import RetryPolicy

    return connect(target, policy=RetryPolicy(attempts=3, patience=20.0))


def _link(target: Target, rid: str) -> str:
    """Where people look at a row: Chaise's resolver."""
    return f"https://{target.host}/id/{target.catalog_id}/{rid}"
