"""Markers by folder or file, and a limit on the CPU time of a test that has none. A pytest plugin.

``make test-fast`` leaves marked tests out. The limit is on CPU time, of the test and the processes it waits for,
because elapsed time depends on what else the machine does.
"""

from __future__ import annotations

import resource
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent

MEANINGS = {
    "slow": "uses much CPU time",
    "process": "starts, signals or kills processes because they are its subject",
    "interop": "runs deriva-ml in an environment that has it",
    "browser": "opens a page in a web browser",
    "terminal": "runs the dashboard on a pseudo-terminal; `make test-pythons` runs it on every Python",
}

PATHS: dict[str, tuple[str, ...]] = {
    "slow": (
        "cli/test_examples.py",
        "demo",
        "embedded/ermrest/test_time_limit.py",
        "experiment",
        "faults",
        "mcp_server",
        "nouns/test_guide.py",
        "preflight/test_cache_tiers.py",
        "preflight/test_preflight_command.py",
        "tui/test_lineage.py",
        "tui/test_preflight.py",
    ),
    "process": (
        "cache/test_kill_points.py",
        "cli/test_process.py",
        "embedded/hatrac/test_store_durability.py",
        "experiment/test_killed_runs.py",
        "experiment/test_run_display.py",
        "faults/test_processes.py",
        "mcp_server/test_lifecycle.py",
        "test_served_target.py",
        "tui/test_kill.py",
        "tui/test_live.py",
        "tui/test_terminal.py",
        "tui/test_uploads.py",
        "tui/test_web.py",
        "workspace/test_execution_lock.py",
    ),
    "interop": ("interop",),
    "browser": ("lineage/test_browser.py",),
    "terminal": ("tui/test_terminal.py",),
}

CPU_LIMIT = 4.0  # seconds; most tests use less than 0.1


def markers_of(path: Path) -> list[str]:
    """The markers of the tests in a file."""
    if not path.is_relative_to(HERE):
        return []
    name = path.relative_to(HERE).as_posix()
    return [
        marker
        for marker, listed in PATHS.items()
        if any(name == entry or name.startswith(f"{entry}/") for entry in listed)
    ]


def is_marked(item: pytest.Item) -> bool:
    """Whether ``make test-fast`` leaves a test out."""
    return any(item.get_closest_marker(marker) for marker in MEANINGS)


def cpu_seconds() -> float:
    """The CPU time that this process and the children it has waited for have used."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class CpuMeter:
    """The CPU time of the current test: its function-scoped fixtures and its body, but no shared fixture."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._start = 0.0
        self._shared_depth = 0

    @property
    def used(self) -> float:
        """Seconds so far."""
        return cpu_seconds() - self._start

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, Any]:
        """Start at zero."""
        self._start = cpu_seconds()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Leave out what a fixture of several tests uses, once where such fixtures need each other."""
        if fixturedef.scope == "function" or self._shared_depth:
            return (yield)
        before = self.used
        self._shared_depth += 1
        try:
            return (yield)
        finally:
            self._shared_depth -= 1
            self._start += self.used - before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fail an unmarked test that passed but used too much."""
        report = yield
        used = self.used
        if call.when == "call" and report.passed and used > self._limit and not is_marked(item):
            report.outcome = "failed"
            report.longrepr = (
                f"used {used:.1f} s of CPU time; a test without a marker may use {self._limit:g} s."
                " Make it faster, or list its file under `slow` in tests/markers.py"
            )
        return report


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and the meter unless coverage is measured, which slows down every test."""
    for marker, meaning in MEANINGS.items():
        config.addinivalue_line("markers", f"{marker}: {meaning}")
    if not config.getoption("cov_source", default=None):
        config.pluginmanager.register(CpuMeter(CPU_LIMIT))


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Give each test the markers of its file."""
    for item in items:
        for marker in markers_of(item.path):
            item.add_marker(marker)
