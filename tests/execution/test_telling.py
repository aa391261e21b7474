"""What other processes see of a commit: bytes within a piece, requests retried; and what telling it costs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dml.api.execution import Execution
from dml.catalog.retry import RetryPolicy, Wait
from dml.deriva_ml import DerivaML
from dml.target import Target
from dml.upload import progress_store
from dml.upload.report import UploadProgress
from dml.workspace import uploads
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
from dml.workspace.waits import list_waits
from execution.conftest import Ran


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.writing(Workspace(tmp_path / "work", Target("example.org", "7"))) as opened:
        yield opened


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """What was written of bytes, one mapping for each write."""
    seen: list[dict[str, int]] = []
    original = uploads.record_bytes_sent

    def record_bytes_sent(registry: Registry, rid: str, done: dict[str, int]) -> None:
        seen.append(dict(done))
        original(registry, rid, done)

    monkeypatch.setattr(uploads, "record_bytes_sent", record_bytes_sent)
    return seen


def test_a_file_is_told_of_by_steps_and_when_it_goes_back(registry: Registry, told: list[dict[str, int]]) -> None:
    count = progress_store.ProgressStore(registry, "1A").counter("T/f")
    for _ in range(2 * progress_store.BYTES_PER_WRITE // 1024):
        count(1024)
    assert told == [{"T/f": progress_store.BYTES_PER_WRITE}, {"T/f": 2 * progress_store.BYTES_PER_WRITE}]
    count(-1024)
    assert told[-1] == {"T/f": 2 * progress_store.BYTES_PER_WRITE - 1024}


def test_small_files_are_told_of_many_at_a_time(registry: Registry, told: list[dict[str, int]]) -> None:
    some = progress_store.ProgressStore(registry, "1A")
    for number in range(2 * progress_store.FILES_PER_WRITE + 1):
        some.counter(f"T/{number}")(10)
        some.finish(f"T/{number}", 10)
    assert [len(one) for one in told] == [progress_store.FILES_PER_WRITE] * 2


def test_waits_are_told_until_the_last_of_them_is_over(registry: Registry) -> None:
    policy, seen = RetryPolicy(sleep=lambda _: None, draw=lambda _low, high: high), []

    def notes() -> None:
        waiting = list_waits(registry).get("1A")
        seen.append((waiting.repeats, waiting.note) if waiting is not None else None)

    with progress_store.record_waits(registry, "1A", policy):
        notes()
        with policy.begin("host") as first:
            first.again("answered 503", 5.0)
            notes()
            with policy.begin("host") as second:
                second.again("answered 429", 0.0)
                notes()
            notes()
        notes()
    notes()
    assert seen == [
        None,
        (1, "host answered 503; trying again in 5 s (try 2 of 6)"),
        (2, "host answered 429; trying again at once (try 2 of 6)"),
        (2, "host answered 429; trying again at once (try 2 of 6)"),
        (2, ""),
        None,
    ]


def test_what_cannot_be_told_does_not_disturb(registry: Registry) -> None:
    with Registry.reading(registry.workspace) as looking:
        progress_store.ProgressStore(looking, "1A").counter("T/f")(progress_store.BYTES_PER_WRITE)
        with progress_store.record_waits(looking, "1A", policy := RetryPolicy()):
            policy.tell(Wait("host", "answered 503", 1.0, 2, 6))
    assert list_waits(registry) == {}


def test_a_commit_is_seen_by_bytes_from_outside(
    ml: DerivaML, execution: Execution, tmp_path: Path, dml: Callable[..., Ran]
) -> None:
    source = tmp_path / "large.bin"
    source.touch()
    os.truncate(source, 2 * progress_store.BYTES_PER_WRITE + 1000)
    with execution:
        execution.asset_file_path("Execution_Asset", source)
    seen: list[dict[str, Any] | None] = []
    screens: list[str] = []
    moments = itertools.count()

    def look(progress: UploadProgress) -> None:
        if progress.phase == "uploading" and next(moments) % 16 == 0:
            seen.append(dml("exec", "show", execution.execution_rid, "--json").json["execution"]["upload"])
        elif progress.phase == "rows":
            screens.append(dml("exec", "show", execution.execution_rid).out)

    assert dml("exec", "show", execution.execution_rid, "--json").json["execution"]["upload"] is None
    execution.commit_output_assets(progress_callback=look)
    moved = [one["bytes_sent"] for one in seen if one is not None]
    assert len(moved) == len(seen)
    assert moved == sorted(moved)
    assert moved[0] + progress_store.BYTES_PER_WRITE in moved  # what there was before is the metadata of the execution
    files = seen[-1]["files"] if seen[-1] is not None else 0
    assert f"{files} of {files} files sent" in screens[0]
    assert f"process {os.getpid()} on" in screens[0]
    assert dml("exec", "show", execution.execution_rid, "--json").json["execution"]["upload"] is None
