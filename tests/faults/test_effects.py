"""Every effect of the lifecycle has a boundary at which the other tests can break it; a new one without fails here."""

from __future__ import annotations

import pytest

from faults.effects import HOOKED, READS, SOURCE, Call, calls, calls_of

EXPLAINED = {
    ("workspace.connection", ".deserialize"): "fills a database in memory",
    ("workspace.file_lock", "fcntl.flock"): "the kernel releases the lock with the process; the file itself is counted",
    ("workspace.scratch", "fcntl.flock"): "the kernel gives it up with the process; the directory is thrown away",
    ("workspace.process", "subprocess.run"): "asks the system who a process is, where it has no /proc",
    ("execution.environment", "subprocess.run"): "asks the driver which GPUs there are",
    ("execution.run_program", "subprocess.Popen"): "the user's own program, whose effects are its own",
    ("execution.run_program", "os.killpg"): "ends that program",
    ("catalog.download", "requests.Session"): "its only transport is the counted one",
    ("catalog.session", ".send"): "below the counted transport",
    ("catalog.traffic", ".send"): "the counted transport, where the boundaries of requests are",
    ("catalog.upload_source", "io:FileIO"): "of a descriptor open for reading",
}
"""Module and call that are neither, and why that is right."""


def unexplained(found: list[Call]) -> list[str]:
    """The calls for which nothing is said."""
    return [
        f"{call.module}:{call.line} {call.name} in {call.function}"
        for call in found
        if call.name not in HOOKED and call.name not in READS and (call.module, call.name) not in EXPLAINED
    ]


def test_every_call_that_changes_something_has_a_boundary() -> None:
    assert unexplained(calls()) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\ndef f(p):\n    os.mkfifo(p)",
        "import os as system\ndef f(p):\n    system.truncate_all(p)",
        "from os import rename\ndef f(p):\n    rename(p, p)",
        "import requests\ndef f():\n    requests.post('https://example.org')",
        "from urllib.request import urlopen\ndef f():\n    urlopen('https://example.org')",
        "import socket\ndef f():\n    socket.create_connection(('example.org', 1))",
        "import shutil\ndef f(p):\n    shutil.move(p, p)",
        "def f(c):\n    c.executescript('DELETE FROM t')",
        "import mmap\ndef f(d):\n    mmap.mmap(d, 0)",
    ],
)
def test_a_new_call_without_a_boundary_is_found(text: str) -> None:
    assert len(unexplained(calls_of("workspace.new", text))) == 1


def test_nothing_is_explained_that_is_not_there() -> None:
    there = {(call.module, call.name) for call in calls()}
    assert [key for key in EXPLAINED if key not in there] == []


def test_the_package_itself_knows_nothing_of_faults() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    assert "DML_FAULT" not in sources
