"""Every documented example is typed as it stands, on a catalog that holds what the examples name.

The worked example is built once (``exhibit``); each line then runs in a copy of that home, with the placeholders of the
documentation (``1-ABC``, ``4VP`` …) replaced by what ``MEANING`` says and after the commands that ``BEFORE`` names.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.runner import DML, run
from dml.catalog.connection import connect
from dml.catalog.rows import select
from dml.cli.reference import all_commands
from dml.demo import evaluate
from dml.demo.run import run as run_demo
from terminal import on_terminal

IMAGES = 40

EXAMPLES = [(path, example.line) for path, command, _ in all_commands() for example in command.examples]

IN_A_PROJECT = ("dml preflight", "dml run", "dml bump")
"""Commands whose lines name a project of the user's. They are run on projects in ``experiment``, ``preflight`` and
``nouns/test_guide.py``; here, without one, each line must be understood and end in words about what is missing."""

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
    done = list(demo.executions.values())
    datasets = {role: text.partition("@")[0] for role, text in demo.datasets.items()}
    meaning = {"1-ABC": datasets["training"], "1-DEF": datasets["testing"], "2-MODEL": demo.model}
    meaning["1-SPLIT"] = datasets["split"]
    meaning["1-WF"] = str(select(catalog, "deriva-ml:Workflow", columns=["RID"], limit=1)[0]["RID"])
    meaning |= {"2-PRED1": demo.predictions, "2-PRED2": demo.model}
    meaning |= dict(zip(("2-IMG1", "2-IMG2", "3-IMG"), images, strict=True))
    meaning |= {"4VP": made[0], "4W8": made[1], "6A0": made[1], "6A2": done[-1], "6A4": done[-2], "6A6": done[0]}
    return Exhibit(home, meaning)


def _live_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("HOME", str(home))
    for name in ("CONFIG", "CACHE", "STATE", "DATA"):
        patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    patch.chdir(home)


@pytest.fixture
def desk_with_files(exhibit: Exhibit, home: Path, desk: Path) -> Path:
    """The home of the exhibit, copied, and the files that examples name."""
    shutil.copytree(exhibit.home, home, dirs_exist_ok=True)
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
def test_the_example_does_what_it_says(path: str, line: str, exhibit: Exhibit, desk_with_files: Path) -> None:
    for prefix, commands in BEFORE.items():
        if line.startswith(prefix):
            for one in commands:
                before = run(*_typed(one, exhibit.meaning))
                assert before.code == 0, before.shown
    words = _typed(line, exhibit.meaning)
    if line.startswith(IN_A_PROJECT):
        understood = run(*words)
        assert understood.code in (0, 1, 2, 6, 7, 8), understood.shown
        assert "`--help` shows what it takes" not in understood.stderr
        assert "has no option" not in understood.stderr
        assert "a defect of dml" not in understood.stderr
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
