"""The output of a program: kept, shown, and read until the program has ended, whoever still holds it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dml.execution.program_output import ProgramOutput


@pytest.fixture
def pipe() -> tuple[int, int]:
    return os.pipe()


def test_what_was_written_before_the_end_is_kept_and_shown(pipe: tuple[int, int], tmp_path: Path) -> None:
    reader, writer = pipe
    shown: list[bytes] = []
    output = ProgramOutput(os.fdopen(reader, "rb", buffering=0), tmp_path / "log", shown.append)
    written = b"x" * 50_000
    os.write(writer, written)
    output.finish()
    assert (tmp_path / "log").read_bytes() == b"".join(shown) == written
    assert (output.left_open, output.failure) == (True, None)
    os.close(writer)


def test_an_output_that_everybody_closed_is_whole(pipe: tuple[int, int], tmp_path: Path) -> None:
    reader, writer = pipe
    output = ProgramOutput(os.fdopen(reader, "rb", buffering=0), tmp_path / "log", lambda _: None)
    os.write(writer, b"all")
    os.close(writer)
    output.finish()
    assert (tmp_path / "log").read_bytes() == b"all"
    assert (output.left_open, output.failure) == (False, None)


def test_a_reader_that_went_away_and_a_log_that_cannot_be_written_stop_nothing(
    pipe: tuple[int, int], tmp_path: Path
) -> None:
    reader, writer = pipe
    seen: list[bytes] = []

    def gone(block: bytes) -> None:
        seen.append(block)
        raise BrokenPipeError

    output = ProgramOutput(os.fdopen(reader, "rb", buffering=0), tmp_path / "missing" / "log", gone)
    for _ in range(40):  # more than a pipe holds
        os.write(writer, b"y" * 10_000)
    os.close(writer)
    output.finish()
    assert len(seen) == 1
    assert isinstance(output.failure, FileNotFoundError)
