"""The screen of uploads: beside a real commit in another process, and with what it cannot see here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from dml.api.execution import Execution
from dml.formatting import format_size
from dml.target import Target
from dml.tui.app import Dashboard
from dml.tui.launch import dashboard as live_dashboard
from dml.tui.processes import ProcessEnvironment
from dml.tui.screens.dialogs import Question
from dml.tui.state import Commit, FileProgress
from dml.workspace.executions import ExecutionRow, get_execution, insert_execution
from dml.workspace.file_identity import FileIdentity
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry
from dml.workspace.staging import StagedAsset, stage_asset
from targets import Place
from tui.conftest import Run, Starter
from tui.journey import dashboard, drive, process, summary, text_of, until

PIECE = 2_000
PIECES = 600


@pytest.fixture
def large(execution: Execution, run: Run, tmp_path: Path) -> str:
    """An execution with a file that takes many pieces, and a small one; stopped."""
    rid = execution.execution_rid
    (tmp_path / "model.bin").write_bytes(os.urandom(PIECE * PIECES))
    (tmp_path / "note.txt").write_bytes(b"small")
    run("exec", "start", rid)
    run("exec", "stage", rid, tmp_path / "model.bin", tmp_path / "note.txt")
    run("exec", "stop", rid)
    return rid


def _commit(app: Dashboard) -> Commit | None:
    return next(iter(app.local.commits), None)


def _file(app: Dashboard) -> FileProgress | None:
    commit = _commit(app)
    return next((one for one in commit.files if one.key.endswith("model.bin")), None) if commit else None


def _piece(app: Dashboard) -> int:
    file = _file(app)
    return file.chunk if file is not None else 0


GATED = """
import sys
from dml.cli.__main__ import main
from dml.workspace import uploads

record = uploads.record_chunk

def gated(registry, rid, key, job, done):
    record(registry, rid, key, job, done)
    if key.endswith("model.bin"):
        sys.stdin.readline()  # a piece goes only when it is let go

uploads.record_chunk = gated
main()
"""


@contextmanager
def gated_commit(rid: str, place: Place, root: Path) -> Iterator[subprocess.Popen[str]]:
    """A commit in another process, whose next piece goes when it is given a line; closed, all go."""
    command = [sys.executable, "-c", GATED, "exec", "commit", rid, "--chunk-size", str(PIECE)]
    settings = ProcessEnvironment(place.target, root).environment()
    with subprocess.Popen(command, env={**os.environ, **settings}, stdin=subprocess.PIPE, text=True) as other:
        try:
            yield other
        finally:
            other.kill()


def let_go(commit: subprocess.Popen[str], pieces: int = 1) -> None:
    """Let pieces of a gated commit go."""
    assert commit.stdin is not None
    commit.stdin.write("\n" * pieces)
    commit.stdin.flush()


def test_a_commit_of_another_process_shows_piece_by_piece(
    live: Dashboard, execution: Execution, run: Run, root: Path, place: Place, tmp_path: Path
) -> None:
    rid, pieces = execution.execution_rid, 3
    (tmp_path / "model.bin").write_bytes(os.urandom(PIECE * pieces))
    run("exec", "start", rid)
    run("exec", "stage", rid, tmp_path / "model.bin")
    run("exec", "stop", rid)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("2")
        with gated_commit(rid, place, root) as other:
            for number in range(pieces):
                await until(pilot, lambda n=number: _piece(live) == n + 1, "the next piece is in flight")
                file = _file(live)
                assert file is not None
                assert (file.done, file.state) == (number * PIECE, "sending")
                line = next(one for one in text_of(live).splitlines() if "model.bin" in one)
                assert f"{number + 1} of {pieces}" in line
                assert f"{format_size(number * PIECE)} of {format_size(pieces * PIECE)}" in line
                assert f"{number * 100 // pieces:>3}%" in line
                if number:
                    await until(pilot, lambda: "B/s" in text_of(live), "its rate")
                    assert file.rate
                let_go(other)
            let_go(other, pieces)
            await until(pilot, lambda: "No uploads." in text_of(live), "it is done")

    drive(live, script, size=(160, 30))
    assert "Uploaded" in run("exec", "show", rid)


def test_pause_and_resume_an_upload(live: Dashboard, large: str, place: Place, root: Path, run: Run) -> None:
    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("2")
        with gated_commit(large, place, root) as other:
            let_go(other, 3)
            await until(pilot, lambda: _piece(live) > 3, "it is under way")
            await pilot.press("p")
            await until(pilot, lambda: "◍ halted" in text_of(live), "it is paused")
        paused = _file(live)
        assert paused is not None
        assert paused.done >= 3 * PIECE
        await until(pilot, lambda: "commit" in text_of(live).splitlines()[-1], "commit is offered")
        await pilot.press("c")
        await until(pilot, lambda: (one := _commit(live)) is None or one.holder is not None, "it goes on")
        going = _file(live)
        assert going is None or going.done >= paused.done
        await until(pilot, lambda: "No uploads." in text_of(live), "it is done")

    drive(live, script, size=(160, 30))
    assert "Uploaded" in run("exec", "show", large)


def test_cancel_ends_the_upload_and_the_execution_has_failed(
    live: Dashboard, large: str, place: Place, root: Path, execution: Execution
) -> None:
    def row() -> ExecutionRow:
        with Registry.reading(execution.session.workspace) as registry:
            return get_execution(registry, large)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("2")
        with gated_commit(large, place, root) as other:
            let_go(other, 3)
            await until(pilot, lambda: _piece(live) > 3, "it is under way")
            await pilot.press("x")
            await until(pilot, lambda: isinstance(live.screen, Question), "it asks")
            await pilot.press("y")
            await until(pilot, lambda: row().status == "Failed", "it is over")
            await until(pilot, lambda: not live.local.commits, "it is not shown any more")

    drive(live, script, size=(160, 30))
    assert row().error == "the upload was cancelled"


def test_repeated_requests_of_another_process_are_counted(tmp_path: Path, start: Starter) -> None:
    target = Target("localhost:1", "1")
    workspace = Workspace(tmp_path / "workspace", target)
    source = workspace.staged_path("1-AA", "Execution_Asset", "a.bin")
    source.parent.mkdir(parents=True)
    source.write_bytes(b"bytes")
    with Registry.writing(workspace) as registry:
        insert_execution(registry, "1-AA", config_json="{}", status="Pending_Upload")
        identity = FileIdentity.of(source.stat())
        stage_asset(
            registry,
            "1-AA",
            StagedAsset("deriva-ml", "Execution_Asset", "a.bin", source=str(source), identity=identity),
        )
    settings = ProcessEnvironment(target, workspace.root).environment()
    app = live_dashboard(target, workspace.root)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await until(pilot, lambda: "halted" in text_of(app), "it waits")
        await until(pilot, lambda: "no answer since" in text_of(app), "the server is lost")
        start("exec", "commit", "1-AA", **settings, DML_RETRY_DELAY="0.3", DML_MAX_RETRIES="8")
        seen: set[int] = set()

        def counted() -> bool:
            commit = _commit(app)
            seen.add(commit.retries if commit else 0)
            return len(seen) > 2

        await until(pilot, counted, "retries are counted")
        await until(pilot, lambda: "trying again" in text_of(app), "and what it waits for")
        await pilot.press("p")
        await until(pilot, lambda: "halted" in text_of(app), "it is paused")

    drive(app, script, size=(160, 30))


def test_a_commit_on_another_machine_cannot_be_paused_from_here() -> None:
    one = summary("4VP", "Pending_Upload")
    commit = Commit("4VP", "Train", process(), False, (FileProgress("Image/x", "sending", 10, 5),))
    app, _, operations = dashboard([one], commits=(commit,))

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await pilot.pause()
        await until(pilot, lambda: "on another machine" in text_of(app), "why not is said")
        await until(pilot, lambda: "quit" in text_of(app).splitlines()[-1], "the footer shows keys")
        footer = text_of(app).splitlines()[-1]
        assert "pause" not in footer
        assert "cancel" not in footer
        await pilot.press("p", "x", "c")
        await pilot.pause()
        assert operations.calls == []

    drive(app, script, size=(120, 30))


def test_files_on_their_way_come_first_and_shared_ones_say_so() -> None:
    files = (
        FileProgress("Image/a", "uploaded", 10, 10),
        FileProgress("Image/b", "already in the catalog as 3-B", 10, 0),
        FileProgress("Image/c", "waiting", None, 0),
        FileProgress("Image/d", "failed", 10, 0, error="it [/vanished]"),
        FileProgress("Image/e", "sending", 10, 5),
    )
    app, _, _ = dashboard([summary("4VP", "Pending_Upload")], commits=(Commit("4VP", "Train", process(), True, files),))

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await pilot.pause()
        lines = text_of(app).splitlines()[3:8]
        assert [line.split()[0] for line in lines[1:]] == ["Image/e", "Image/d", "Image/c", "Image/a"]
        assert "✔ shared" in text_of(app)
        await pilot.press("down", "down")
        await until(pilot, lambda: "✖ it [/vanished]" in text_of(app), "why it failed")

    drive(app, script)


def test_a_commit_begun_here_that_fails_says_why(live: Dashboard, large: str, tmp_path: Path) -> None:
    (tmp_path / "note.txt").unlink()  # the staged file is a link to it

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "◌ Stopped" in text_of(live), "it is read")
        await pilot.press("c")
        await until(
            pilot,
            lambda: any("note.txt" in one.message and one.severity == "error" for one in live._notifications),
            "the error of the other process is said",
        )

    drive(live, script)
