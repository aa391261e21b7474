"""Functions in several threads: found ahead of those that run, ended at once where that is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dml.api.execution import Execution
from dml.catalog.objects import upload as real_upload
from dml.errors import DmlError, IntegrityError, RetryableError
from dml.upload import files, transfer
from dml.upload.worker_pool import GRACE, Calls, Cancelled, CancelToken, run_in_parallel
from dml.workspace.hashing import Digest
from dml.workspace.hashing import digest as real_digest

PATIENCE = 20.0
"""Seconds after which what should happen at the same time is taken not to."""


def numbered(count: int, function: Callable[[int], int]) -> Calls[int]:
    """Functions that are given their number."""
    return [(str(number), lambda number=number: function(number)) for number in range(count)]  # type: ignore[misc]


def test_every_function_runs_once_and_its_result_is_told() -> None:
    with run_in_parallel(numbered(50, lambda number: number * 2), 4, CancelToken()) as results:
        assert sorted(results) == sorted((str(number), number * 2) for number in range(50))


def test_nothing_to_do_ends() -> None:
    with run_in_parallel(numbered(0, int), 4, CancelToken()) as results:
        assert list(results) == []


def test_as_many_run_at_the_same_time_as_are_allowed() -> None:
    together = threading.Barrier(3)
    with run_in_parallel(numbered(3, lambda number: together.wait(PATIENCE) and number), 3, CancelToken()) as results:
        assert len(list(results)) == 3
    assert not together.broken


def test_the_first_runs_while_the_next_is_looked_for() -> None:
    first_ran = threading.Event()

    def calls() -> Iterator[tuple[str, Callable[[], object]]]:
        yield "first", first_ran.set
        assert first_ran.wait(PATIENCE)
        yield "second", lambda: None

    with run_in_parallel(calls(), 2, CancelToken()) as results:
        assert [key for key, _ in results] == ["first", "second"]


def test_an_error_is_a_result_and_the_others_go_on() -> None:
    def odd(number: int) -> int:
        if number == 1:
            raise IntegrityError("no")
        return number

    with run_in_parallel(numbered(4, odd), 2, CancelToken()) as results:
        found = dict(results)
    assert isinstance(found.pop("1"), IntegrityError)
    assert found == {"0": 0, "2": 2, "3": 3}


def test_an_error_of_the_named_kind_begins_no_more() -> None:
    ran: list[int] = []

    def fail(number: int) -> int:
        ran.append(number)
        raise RetryableError("away")

    with run_in_parallel(numbered(20, fail), 1, CancelToken(), stop_at=(RetryableError,)) as results:
        found = list(results)
    assert ran == [0]
    assert len(found) == 1


def test_what_keeps_more_from_being_found_is_raised_after_those_that_were_begun() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        assert may_end.wait(PATIENCE)
        return 1

    def calls() -> Iterator[tuple[str, Callable[[], int]]]:
        yield "slow", slow
        assert begun.wait(PATIENCE)
        may_end.set()
        raise RetryableError("cannot look any further")

    found: list[tuple[str, object]] = []
    with pytest.raises(RetryableError, match="any further"), run_in_parallel(calls(), 2, CancelToken()) as results:
        found += results
    assert found == [("slow", 1)]


@pytest.mark.parametrize("where", ["function", "finder"])
def test_a_defect_is_raised_as_it_is(where: str) -> None:
    def calls() -> Iterator[tuple[str, Callable[[], int]]]:
        yield "one", lambda: 1 // (where != "function")
        raise KeyError("finder")

    with (
        pytest.raises(ZeroDivisionError if where == "function" else KeyError),
        run_in_parallel(calls(), 1, CancelToken()) as results,
    ):
        list(results)


def test_an_interruption_ends_those_that_run_and_those_that_look() -> None:
    stop, running, looking = CancelToken(), threading.Event(), threading.Event()
    ended = threading.Barrier(3)

    def until_asked(ready: threading.Event) -> int:
        ready.set()
        try:
            while True:
                stop.raise_if_cancelled()
        finally:
            ended.wait(PATIENCE)

    def calls() -> Iterator[tuple[str, Callable[[], int]]]:
        yield "one", lambda: until_asked(running)
        until_asked(looking)

    def interrupted() -> None:
        with run_in_parallel(calls(), 2, stop):
            assert running.wait(PATIENCE)
            assert looking.wait(PATIENCE)
            threading.Thread(target=lambda: ended.wait(PATIENCE)).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stop.is_closed
    assert not ended.broken
    with pytest.raises(Cancelled):
        stop.raise_if_cancelled()
    assert GRACE > 0


@pytest.fixture
def six_files(execution: Execution, tmp_path: Path) -> Execution:
    """An execution with six staged files of different contents."""
    with execution.execute():
        for number in range(6):
            path = tmp_path / f"file{number}"
            path.write_text(f"content {number}")
            execution.asset_file_path("Execution_Asset", path, asset_types=["Model_File"])
    return execution


def test_later_files_are_hashed_while_earlier_ones_are_sent(
    six_files: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_is_sent = threading.Event()

    def digest(root: Path, path: Path, **options: object) -> Digest:
        if path.name == "file5":
            assert first_is_sent.wait(PATIENCE), "the last file is not hashed while the first is sent"
        return real_digest(root, path, **options)  # type: ignore[arg-type]

    def upload(*arguments: object, **options: object) -> None:
        real_upload(*arguments, **options)  # type: ignore[arg-type]
        first_is_sent.set()

    monkeypatch.setattr(files, "FILES_PER_LOOKUP", 2)
    monkeypatch.setattr(transfer, "digest", digest)
    monkeypatch.setattr(transfer, "upload", upload)
    assert len(six_files.commit_output_assets().assets) == 6


def test_a_file_that_cannot_be_hashed_keeps_no_other_from_going_up(
    six_files: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(root: Path, path: Path, **options: object) -> Digest:
        if path.name == "file3":
            raise IntegrityError(f"{path.name} changed while it was read")
        return real_digest(root, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "FILES_PER_LOOKUP", 2)
    monkeypatch.setattr(transfer, "digest", digest)
    with pytest.raises(DmlError, match=r"5 files of .* are uploaded, 1 are not \(Execution_Asset/file3\)"):
        six_files.commit_output_assets()
    monkeypatch.undo()
    assert [asset.key for asset in six_files.commit_output_assets().assets] == ["Execution_Asset/file3"]


def test_a_lookup_that_fails_ends_the_commit_and_keeps_what_was_sent(
    six_files: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = files.find_existing, []

    def find_existing(*arguments: object) -> object:
        asked.append(1)
        if len(asked) == 3:
            raise RetryableError("the catalog cannot be reached")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "FILES_PER_LOOKUP", 2)
    monkeypatch.setattr(files, "find_existing", find_existing)
    with pytest.raises(RetryableError, match="cannot be reached"):
        six_files.commit_output_assets()
    monkeypatch.undo()
    assert six_files.status == "Pending_Upload"
    sent_before = six_files.session.catalog.traffic.count("PUT")
    report = six_files.commit_output_assets()
    assert len(report.assets) == 6
    # The objects that are there are asked for, not sent again; the other PUTs tell the status.
    objects = [
        path for method, path, _ in six_files.session.catalog.traffic.log if method == "PUT" and "/hatrac/" in path
    ]
    assert sent_before
    assert len(objects) == len(set(objects))
