"""Every documented example is typed as it stands, on a catalog that holds what the examples name.

The worked example is built once (``exhibit``); each line then runs in a copy of that home, with the placeholders of the
documentation (``1-ABC``, ``4VP`` …) replaced by what ``MEANING`` says and after the commands that ``BEFORE`` names.
"""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.runner import DML, run
from dml.catalog.connection import connect
from dml.catalog.rows import select
from dml.cli.app.reference import all_commands
from dml.demo import evaluate
from dml.demo.run import run as run_demo
from terminal import on_terminal

IMAGES = 40

EXAMPLES = [(path, example.line) for path, command, _ in all_commands() for example in command.examples]

IN_A_PROJECT = ("dml preflight +", "dml run", "dml bump")
"""Commands that work in a project of the user's; here in one that ``dml init`` made on the catalog of the exhibit."""

ENDLESS = ("dml catalog serve", "dml mcp --http", "dml tui --web", "--follow", "--watch")
"""Lines that go on until they are interrupted; they must have begun well."""

REPLACED_WORDS = {
    "1-ABC@1.2.0": "1-ABC@1.0.0",
    "Diagnosis": "Digit",
    "Image.Quality": "Image.Digit",
    "--size 50": "--size 20",
    "--group-by Subject": "--group-by Filename",
    "--meta Subject=2-SUB1 ": "",
    "--between 1-ABC": "--between 2-MODEL",
    "1-ABC@1.4.0": "1-ABC@1.0.0",
    "cifar10_quick": "quick",
    "lr_sweep": "rates",
    "--port 8765": "--port 0",
    "--port 8080": "--port 0",
}
"""What the worked example calls by another name, or has in another number."""

BEFORE = {
    "dml exec stop": ["dml exec start 4VP"],
    "dml exec fail": ["dml exec start 4VP"],
    "dml exec commit": ["dml exec start 4VP", "dml exec stop 4VP"],
    "dml exec unstage": ["dml exec stage 4VP model.pt --table Execution_Asset"],
    "dml exec gc 4VP": ["dml exec stage 4VP model.pt --table Execution_Asset", "dml exec abort 4VP --reason example"],
    "dml exec stage 4VP masks/": ["dml vocab add Asset_Type Mask -d example"],
    "dml dataset delete": ["dml dataset remove 1-SPLIT 1-ABC"],
    "dml dataset release": ["dml dataset mark-dev 1-ABC -d example"],
    "dml nested remove": ["dml nested add 6A0 6A2"],
    "dml config unset": ["dml config set jobs 3"],
    "dml catalog delete": ["dml catalog create"],
    "dml cache verify 1-ABC": ["dml cache warm 1-ABC@1.2.0"],
}


@dataclass(frozen=True)
class Exhibit:
    """A home with the worked example and two more executions; ``meaning`` is what the placeholders stand for."""

    home: Path
    meaning: dict[str, str]


@pytest.fixture(scope="session")
def exhibit(tmp_path_factory: pytest.TempPathFactory) -> Exhibit:
    """Built once for each process that runs tests."""
    home = tmp_path_factory.mktemp("exhibit")
    with pytest.MonkeyPatch.context() as patch:
        _live_in(home, patch)
        patch.setattr(evaluate, "EXPECTED", 0.0)  # so few images teach little
        demo = run_demo(images=IMAGES)
        source = ("--workflow-url", "https://example.org/train.py", "--workflow-checksum", "9f86d081")
        create = ("exec", "create", "--workflow-name", "Train", "--workflow-type", "Training", *source, "--json")
        made = [run(*create).json["rid"] for _ in range(2)]
        catalog = connect(demo.target)
        table = catalog.schema().table("Image").qualified_name
        images = [row["RID"] for row in select(catalog, table, columns=["RID"], limit=3)]
        run("exec", "start", made[1])
        _make_project(home / "project", str(demo.target))
    done = list(demo.executions.values())
    datasets = {role: text.partition("@")[0] for role, text in demo.datasets.items()}
    meaning = {"1-ABC": datasets["training"], "1-DEF": datasets["testing"], "2-MODEL": demo.model}
    meaning["1-SPLIT"] = datasets["split"]
    meaning["2-GHI"] = demo.model
    meaning["1-WF"] = str(select(catalog, "deriva-ml:Workflow", columns=["RID"], limit=1)[0]["RID"])
    meaning |= {"2-PRED1": demo.predictions, "2-PRED2": demo.model}
    meaning |= dict(zip(("2-IMG1", "2-IMG2", "3-IMG"), images, strict=True))
    meaning |= {"4VP": made[0], "4W8": made[1], "6A0": made[1], "6A2": done[-1], "6A4": done[-2], "6A6": done[0]}
    return Exhibit(home, meaning)


def _make_project(root: Path, target: str) -> None:
    """What ``dml init`` makes, with a notebook, an environment, a remote and a version tag."""
    made = run("init", str(root), "--catalog", target)
    assert made.code == 0, made.shown
    (root / ".venv").symlink_to(sys.prefix)
    with (root / "src" / "configs" / "assets.py").open("a") as stream:
        stream.write('asset_store([], name="roc_quick")\n')
    names = ("roc", "roc_analysis")
    text = "from dml.experiment import notebook_config\n\n" + "".join(f'notebook_config("{name}")\n' for name in names)
    (root / "src" / "configs" / "notebooks.py").write_text(text)
    cells = [_cell("threshold = 0.5", "parameters"), _cell(BEGIN)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    document = json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    (root / "notebooks").mkdir()
    for path in (root / "roc.ipynb", root / "notebooks" / "roc_analysis.ipynb"):
        path.write_text(document)
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", "--bare", f"{root}.git"], check=True)
    for words in (
        ["init", "-q", "-b", "main"],
        ["remote", "add", "origin", f"{root}.git"],
        ["add", "-A"],
        [*who, "commit", "-q", "-m", "project"],
        ["tag", "v0.3.1"],
        ["push", "-q", "--tags", "-u", "origin", "main"],
    ):
        subprocess.run(["git", *words], cwd=root, check=True)


BEGIN = "from dml.experiment import run_notebook\nml, execution, config = run_notebook(workflow_type='Training')"


def _cell(source: str, *tags: str) -> dict[str, object]:
    metadata = {"tags": list(tags)} if tags else {}
    about = {"cell_type": "code", "id": f"c{len(tags)}", "metadata": metadata, "execution_count": None}
    return {**about, "source": source, "outputs": []}


def _live_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("HOME", str(home))
    for name in ("CONFIG", "CACHE", "STATE", "DATA"):
        patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    patch.chdir(home)


@pytest.fixture
def desk_with_files(exhibit: Exhibit, home: Path, desk: Path) -> Path:
    """The home of the exhibit, copied, and the files that examples name."""
    shutil.copytree(exhibit.home, home, dirs_exist_ok=True, symlinks=True)
    (desk / "model.pt").write_bytes(b"weights")
    (desk / "masks").mkdir()
    (desk / "masks" / "one.png").write_bytes(b"picture")
    (desk / "labels.csv").write_text(f"Image,Digit\n{exhibit.meaning['2-IMG1']},3\n")
    (desk / "rids.txt").write_text(f"{exhibit.meaning['2-IMG1']}\n{exhibit.meaning['2-IMG2']}\n")
    workflow = "{name: Train, workflow_type: Training, url: https://example.org/train.py, checksum: 9f86d081}"
    (desk / "run.yaml").write_text(f"description: from a file\nworkflow: {workflow}\n")
    (desk / "train.py").write_text("print('trained')\n")
    for words in (["init", "-q", "-b", "main"], ["remote", "add", "origin", "https://example.org/lab.git"]):
        subprocess.run(["git", *words], cwd=desk, check=True)
    subprocess.run(["git", "add", "train.py"], cwd=desk, check=True)
    (desk / ".git" / "info" / "exclude").write_text("*\n")  # the other files are nobody's code
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, "commit", "-q", "-m", "train"], cwd=desk, check=True)
    return desk


def _typed(line: str, meaning: dict[str, str]) -> list[str]:
    for word, other in {**REPLACED_WORDS, **meaning}.items():
        line = line.replace(word, other)
    return shlex.split(line)[1:]


@pytest.mark.parametrize(("path", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_the_example_does_what_it_says(
    path: str, line: str, exhibit: Exhibit, desk_with_files: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for prefix, commands in BEFORE.items():
        if line.startswith(prefix):
            for one in commands:
                before = run(*_typed(one, exhibit.meaning))
                assert before.code == 0, before.shown
    words = _typed(line, exhibit.meaning)
    if line.startswith(IN_A_PROJECT):
        monkeypatch.chdir(home / "project")
        if "--resume" in words:
            sweep = run("run", "+multirun=rates", "--no-preflight", "--yes", "--json")
            assert sweep.code == 0, sweep.shown
            words[-1] = sweep.json["parent"]
        in_project = run(*words, stdin="y\n", terminal=True)
        assert in_project.code == 0, in_project.shown
        return
    if line == "dml tui":
        with on_terminal([*DML, *words]) as session:
            session.wait_for("Executions")
            session.type("q")
            assert session.ended() == 0
        return
    if any(part in line for part in ENDLESS):
        process = subprocess.Popen([*DML, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode in (0, 130), err
        return
    result = run(*words)
    assert result.code == 0, result.shown
