"""Configuration modules that print, raise, loop and exit: a clear report within the time-out."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path

import pytest

from dml.errors import DmlError, NotFoundError, UsageError
from dml.experiment.compose import compose
from dml.experiment.composition import ComposeRequest, Composition
from dml.experiment.project import find_project, has_project
from dml.experiment.worker_process import clean_environment
from experiments import RetinaProject

Compose = Callable[..., Composition]


@pytest.fixture
def retina(make_project: Callable[..., RetinaProject]) -> RetinaProject:
    return make_project("dml")


def test_a_module_that_prints_does_no_harm(retina: RetinaProject, composed: Compose) -> None:
    retina.write("src/configs/noisy.py", "import os\nprint('{\"errors\": []}' * 20000)\nos.write(2, b'on stderr')\n")
    found = composed(retina)
    assert found.problems == ()
    assert found.jobs[0].composed
    assert "on stderr" in found.printed


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("x = 1\n\nraise ValueError('no good\\nat all')\n", "ValueError: no good at all", 3),
        ("import nothing_of_this_name\n", "ModuleNotFoundError: No module named 'nothing_of_this_name'", 1),
        ("x = 1\nimport sys\nsys.exit(3)\n", "called sys.exit(3)", 3),
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt: KeyboardInterrupt", 1),
        ("def f(:\n    pass\n", "SyntaxError: invalid syntax", 1),
        ("x = 1\n" * 4 + "f = lambda: f()\nf()\n", "RecursionError: maximum recursion depth exceeded", 5),
    ],
)
def test_an_error_of_a_module_is_shown_as_its_own_with_file_and_line(
    retina: RetinaProject, composed: Compose, text: str, message: str, line: int
) -> None:
    retina.write("src/configs/bad.py", text)
    (problem,) = composed(retina).problems
    assert problem.stage == "import"
    assert problem.subject == "configs.bad"
    assert problem.message == message
    assert problem.location(find_project(directory=retina.root)) == f"src/configs/bad.py:{line}"


def test_several_bad_modules_are_all_told(retina: RetinaProject, composed: Compose) -> None:
    retina.write("src/configs/bad.py", "1 / 0\n")
    retina.write("src/configs/dev/worse.py", "import torch_of_nowhere\n")
    found = composed(retina)
    assert [problem.subject for problem in found.problems] == ["configs.dev.worse", "configs.bad"]
    assert "torch_of_nowhere" in found.problems[0].hint


def test_an_error_deep_in_a_library_is_placed_in_the_users_file(retina: RetinaProject, composed: Compose) -> None:
    retina.write("src/configs/bad.py", "import json\n\njson.loads('{')\n")
    (problem,) = composed(retina).problems
    assert problem.file is not None
    assert (problem.file.name, problem.line) == ("bad.py", 3)


@pytest.mark.parametrize("body", ["while True:\n    pass\n", "import time\ntime.sleep(1000)\n"])
def test_a_module_that_never_ends_is_stopped_and_its_line_told(
    retina: RetinaProject, composed: Compose, body: str
) -> None:
    retina.write("src/configs/bad.py", "x = 1\n" + body)
    (problem,) = composed(retina, timeout=3.0).problems
    assert "did not finish within 3 s" in problem.message
    assert problem.file is not None
    assert problem.file.name == "bad.py"
    assert problem.line in (2, 3)


def test_what_a_module_started_is_ended_too(retina: RetinaProject, composed: Compose, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    lines = [
        "import pathlib, subprocess",
        "started = subprocess.Popen(['sleep', '1000'])",
        f"pathlib.Path({str(note)!r}).write_text(str(started.pid))",
    ]
    retina.write("src/configs/starts.py", "\n".join(lines))
    assert composed(retina).problems == ()
    try:
        ended = os.pidfd_open(int(note.read_text()))
    except ProcessLookupError:
        return
    watch = select.poll()
    watch.register(ended, select.POLLIN)
    assert watch.poll(10_000), "it still runs"
    os.close(ended)


@pytest.mark.parametrize(
    "how", ["os._exit(9)", "os.kill(os.getpid(), 9)", "os.close(3) or os.closerange(3, 200) or os._exit(0)"]
)
def test_a_module_that_ends_the_process_is_told(retina: RetinaProject, composed: Compose, how: str) -> None:
    retina.write("src/configs/bad.py", f"import os\nprint('about to end', flush=True)\n{how}\n")
    (problem,) = composed(retina).problems
    assert problem.stage == "worker"
    assert "before the configuration was composed" in problem.message
    assert "about to end" in problem.message


def test_threads_and_exit_handlers_do_not_hold_the_worker(retina: RetinaProject, composed: Compose) -> None:
    lines = [
        "import atexit, threading",
        "atexit.register(threading.Event().wait)",
        "threading.Thread(target=threading.Event().wait).start()",
    ]
    retina.write("src/configs/holds.py", "\n".join(lines))
    assert composed(retina).jobs[0].composed


def test_a_module_that_reads_its_input_gets_none(retina: RetinaProject, composed: Compose) -> None:
    retina.write("src/configs/asks.py", "import sys\nassert sys.stdin.read() == ''\n")
    assert composed(retina).problems == ()


def test_composition_writes_nothing_into_the_project(retina: RetinaProject, composed: Compose) -> None:
    before = sorted(path for path in retina.root.rglob("*"))
    assert composed(retina, "+multirun=lr_sweep").problems == ()
    assert sorted(path for path in retina.root.rglob("*")) == before


def test_the_environment_is_cleaned(monkeypatch: pytest.MonkeyPatch, retina: RetinaProject, composed: Compose) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    monkeypatch.setenv("KEPT", "yes")
    lines = [
        "import os",
        "assert not [name for name in os.environ if name.startswith('PYTHON') or name == 'VIRTUAL_ENV']",
        "assert os.environ['KEPT']",
    ]
    retina.write("src/configs/looks.py", "\n".join(lines))
    assert composed(retina).problems == ()
    assert "PYTHONPATH" not in clean_environment()


def test_an_interpreter_that_is_none_is_told(retina: RetinaProject, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such thing as Python >&2\nexit 4\n")
    broken.chmod(0o755)
    project = find_project(interpreter=broken, directory=retina.root)
    (problem,) = compose(project, ComposeRequest()).problems
    assert "exit code 4" in problem.message
    assert "no such thing as Python" in problem.message
    broken.write_text("#!/nowhere/interpreter\n")
    with pytest.raises(DmlError, match="cannot start"):
        compose(project, ComposeRequest())


def test_a_missing_library_names_the_interpreter(retina: RetinaProject, tmp_path: Path, bare_interpreter: Path) -> None:
    project = find_project(directory=retina.root)
    (retina.root / ".venv").unlink()
    (retina.root / ".venv").symlink_to(bare_interpreter.parent.parent)
    found = compose(project, ComposeRequest())
    assert {problem.message for problem in found.problems} == {"ModuleNotFoundError: No module named 'dml'"}
    assert "uv sync" in found.problems[0].hint


def test_where_the_project_is(retina: RetinaProject, tmp_path: Path) -> None:
    deep = retina.root / "notebooks" / "more"
    deep.mkdir(parents=True)
    assert find_project(directory=deep).root == retina.root
    assert find_project(Path("src/configs"), directory=retina.root).root == retina.root
    assert has_project(deep)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert not has_project(empty)
    with pytest.raises(NotFoundError, match=r"no src/configs"):
        find_project(directory=empty)
    with pytest.raises(NotFoundError, match="no directory"):
        find_project(Path("conf"), directory=retina.root)
    with pytest.raises(NotFoundError, match="no interpreter"):
        find_project(interpreter=Path("nothing"), directory=retina.root)
    (retina.root / "my-configs").mkdir()
    with pytest.raises(UsageError, match="not a valid name"):
        find_project(Path("my-configs"), directory=retina.root)


def test_without_an_environment_of_its_own_python_of_the_path_is_taken(
    retina: RetinaProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (retina.root / ".venv").unlink()
    found = find_project(directory=retina.root)
    assert not found.uses_venv
    assert os.access(found.interpreter, os.X_OK)
    with pytest.raises(UsageError, match="timeout"):
        compose(found, ComposeRequest(), timeout=0)
