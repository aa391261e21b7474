"""Configuration modules that print, raise, loop or exit: a clear report within the time limit."""

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


def test_module_that_prints(retina: RetinaProject, compose_project: Compose) -> None:
    retina.write("src/configs/noisy.py", "import os\nprint('{\"errors\": []}' * 20000)\nos.write(2, b'on stderr')\n")
    composition = compose_project(retina)
    assert composition.problems == ()
    assert composition.jobs[0].composed
    assert "on stderr" in composition.printed


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
def test_error_of_a_module_has_its_file_and_line(
    retina: RetinaProject, compose_project: Compose, text: str, message: str, line: int
) -> None:
    retina.write("src/configs/bad.py", text)
    (problem,) = compose_project(retina).problems
    assert problem.stage == "import"
    assert problem.subject == "configs.bad"
    assert problem.message == message
    assert problem.location(find_project(directory=retina.root)) == f"src/configs/bad.py:{line}"


def test_several_broken_modules_are_all_reported(retina: RetinaProject, compose_project: Compose) -> None:
    retina.write("src/configs/bad.py", "1 / 0\n")
    retina.write("src/configs/dev/worse.py", "import torch_of_nowhere\n")
    composition = compose_project(retina)
    assert [problem.subject for problem in composition.problems] == ["configs.dev.worse", "configs.bad"]
    assert "torch_of_nowhere" in composition.problems[0].hint


def test_error_in_a_library_is_located_in_the_users_file(retina: RetinaProject, compose_project: Compose) -> None:
    retina.write("src/configs/bad.py", "import json\n\njson.loads('{')\n")
    (problem,) = compose_project(retina).problems
    assert problem.file is not None
    assert (problem.file.name, problem.line) == ("bad.py", 3)


@pytest.mark.parametrize("body", ["while True:\n    pass\n", "import time\ntime.sleep(1000)\n"])
def test_endless_module_is_stopped_and_located(retina: RetinaProject, compose_project: Compose, body: str) -> None:
    retina.write("src/configs/bad.py", "x = 1\n" + body)
    (problem,) = compose_project(retina, timeout=3.0).problems
    assert "did not finish within 3 s" in problem.message
    assert problem.file is not None
    assert problem.file.name == "bad.py"
    assert problem.line in (2, 3)


def test_processes_of_a_module_are_ended(retina: RetinaProject, compose_project: Compose, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    lines = [
        "import pathlib, subprocess",
        "started = subprocess.Popen(['sleep', '1000'])",
        f"pathlib.Path({str(note)!r}).write_text(str(started.pid))",
    ]
    retina.write("src/configs/starts.py", "\n".join(lines))
    assert compose_project(retina).problems == ()
    try:
        ended = os.pidfd_open(int(note.read_text()))
    except ProcessLookupError:
        return
    watch = select.poll()
    watch.register(ended, select.POLLIN)
    assert watch.poll(10_000), "it still runs"
    os.close(ended)


@pytest.mark.parametrize(
    "statement", ["os._exit(9)", "os.kill(os.getpid(), 9)", "os.close(3) or os.closerange(3, 200) or os._exit(0)"]
)
def test_module_that_ends_the_process(retina: RetinaProject, compose_project: Compose, statement: str) -> None:
    retina.write("src/configs/bad.py", f"import os\nprint('about to end', flush=True)\n{statement}\n")
    (problem,) = compose_project(retina).problems
    assert problem.stage == "worker"
    assert "before the configuration was composed" in problem.message
    assert "about to end" in problem.message


def test_threads_and_exit_handlers_do_not_delay_the_worker(retina: RetinaProject, compose_project: Compose) -> None:
    lines = [
        "import atexit, threading",
        "atexit.register(threading.Event().wait)",
        "threading.Thread(target=threading.Event().wait).start()",
    ]
    retina.write("src/configs/holds.py", "\n".join(lines))
    assert compose_project(retina).jobs[0].composed


def test_module_that_reads_standard_input(retina: RetinaProject, compose_project: Compose) -> None:
    retina.write("src/configs/asks.py", "import sys\nassert sys.stdin.read() == ''\n")
    assert compose_project(retina).problems == ()


def test_composition_writes_nothing_to_the_project(retina: RetinaProject, compose_project: Compose) -> None:
    before = sorted(path for path in retina.root.rglob("*"))
    assert compose_project(retina, "+multirun=lr_sweep").problems == ()
    assert sorted(path for path in retina.root.rglob("*")) == before


def test_environment_is_cleaned(
    monkeypatch: pytest.MonkeyPatch, retina: RetinaProject, compose_project: Compose
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    monkeypatch.setenv("KEPT", "yes")
    lines = [
        "import os",
        "assert not [name for name in os.environ if name.startswith('PYTHON') or name == 'VIRTUAL_ENV']",
        "assert os.environ['KEPT']",
    ]
    retina.write("src/configs/looks.py", "\n".join(lines))
    assert compose_project(retina).problems == ()
    assert "PYTHONPATH" not in clean_environment()


def test_broken_interpreter(retina: RetinaProject, tmp_path: Path) -> None:
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


def test_missing_library_is_reported_with_the_interpreter(
    retina: RetinaProject, tmp_path: Path, bare_interpreter: Path
) -> None:
    project = find_project(directory=retina.root)
    (retina.root / ".venv").unlink()
    (retina.root / ".venv").symlink_to(bare_interpreter.parent.parent)
    composition = compose(project, ComposeRequest())
    assert {problem.message for problem in composition.problems} == {"ModuleNotFoundError: No module named 'dml'"}
    assert "uv sync" in composition.problems[0].hint


def test_project_is_located(retina: RetinaProject, tmp_path: Path) -> None:
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


def test_python_of_the_path_is_used_without_an_environment(
    retina: RetinaProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (retina.root / ".venv").unlink()
    composition = find_project(directory=retina.root)
    assert not composition.uses_venv
    assert os.access(composition.interpreter, os.X_OK)
    with pytest.raises(UsageError, match="timeout"):
        compose(composition, ComposeRequest(), timeout=0)
