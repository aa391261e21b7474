"""What only a process of its own can show: signals, pipes, closed streams, a home that cannot be written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from cli.runner import DML, spawn

WAITS = textwrap.dedent(
    """
    import signal, sys, time
    from dml.cli import version
    from dml.cli.__main__ import main

    def wait():
        print("ready", file=sys.stderr, flush=True)
        signal.pause()

    version.installed = wait
    sys.exit(main(["version"]))
    """
)


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, ""), (signal.SIGHUP, 129, "")],
    ids=lambda value: str(value),
)
def test_a_signal_ends_the_command_with_its_code(number: signal.Signals, code: int, said: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITS], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, said)


AWAITS = """
async def work():
    import os
    os.kill(os.getpid(), signal.SIGTERM)

async def serve():
    await asyncio.wait({asyncio.create_task(work())})
    print("it went on", file=sys.stderr)

version.installed = lambda: asyncio.run(serve())
sys.exit(main(["version"]))
"""


def test_a_signal_while_a_task_of_an_event_loop_runs_ends_the_command() -> None:
    program = "import asyncio\n" + WAITS.partition("def wait")[0] + AWAITS
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (143, "")


def test_an_ignored_hangup_stays_ignored() -> None:
    program = WAITS.replace("signal.pause()", "import os; os.kill(os.getpid(), signal.SIGHUP); return {}")
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + program
    done = subprocess.run([sys.executable, "-c", ignoring], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0
    assert "Python" in done.stdout


def test_a_closed_pipe_is_141_and_quiet() -> None:
    command = f"{sys.executable} -m dml.cli completion bash | true; echo ${{PIPESTATUS[0]}}"
    many = "import sys\nfrom dml.cli import completion\nfrom dml.cli.__main__ import main\n"
    many += "completion.SCRIPTS['bash'] = 'x' * 10_000_000\nsys.exit(main(['completion', 'bash']))"
    done = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "$PROGRAM" | true; echo ${{PIPESTATUS[0]}}'],
        env={**os.environ, "PROGRAM": many},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("141\n", ""), command


def test_closed_streams_are_no_reason_to_fail() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(DML)} version >&- 2>&-"], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_full_standard_output_is_told() -> None:
    if not Path("/dev/full").exists():
        assert sys.platform != "linux"
        return
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*DML, "version"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 5
    assert "no space left" in done.stderr


def test_output_in_an_ascii_locale_is_readable() -> None:
    done = spawn("config", "show", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 0
    assert done.stdout.isascii()


def test_no_colour_in_a_pipe() -> None:
    done = spawn("config", "show", env={**os.environ, "TERM": "xterm"})
    assert "\x1b" not in done.stdout


def test_reading_commands_leave_an_empty_home_empty(home: Path) -> None:
    environment = {**os.environ, "DML_HOST": "local", "DML_CATALOG": "1"}
    for words in ([], ["--help"], ["config", "show"], ["doctor", "--offline"], ["version"], ["xyzzy"]):
        spawn(*words, env=environment)
    assert list(home.iterdir()) == []


AS_NOBODY = """
import contextlib, io, json, os, sys
from dml.cli.__main__ import main

def run(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    return code, out.getvalue(), err.getvalue()

everything = (["config", "show", "--json"], ["config", "set", "jobs", "8"], ["doctor", "--offline"])
closed = dict(os.environ)
for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
    os.environ[name] = sys.argv[1]
for words in everything:  # load what they need while the interpreter's files can still be read
    run(*words)
os.environ.update(closed)
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
sys.__stdout__.write(json.dumps([run(*words) for words in everything]))
"""


@pytest.mark.parametrize("kind", ["unwritable", "unreachable"])
def test_a_home_of_others_stops_nothing_that_only_reads(kind: str, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with tempfile.TemporaryDirectory() as above:
        home = Path(above) / "home"
        home.mkdir(mode=0o555)
        Path(above).chmod(0o755 if kind == "unwritable" else 0o700)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, scratch],
            env={name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
            | {"HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert list(home.iterdir()) == []
    shown, refused, examined = json.loads(done.stdout)
    assert shown[0] == 0
    assert json.loads(shown[1])["schema"] == "dml.config.show/1"
    assert refused[0] == 1
    assert refused[2].startswith("error: cannot write ")
    assert examined[0] == 1
    assert "is not writable" in " ".join(examined[1].split())


def test_the_console_script_is_the_same_program() -> None:
    script = Path(sys.executable).with_name("dml")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == spawn("--version").stdout
