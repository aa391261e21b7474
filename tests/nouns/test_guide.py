"""Every command of the guide, and of the first five minutes of the README, is run as written and in order.

A comment behind a command binds a placeholder (``# here 4VP``: the RID in its result; ``# the latest is 4VP``: the
first of its list) or says with which code it ends (``# exit 6``).
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cli.runner import Result, run
from dml.cli.app.exit_codes import EXIT_CODES
from dml.execution.status import LEGACY, ExecutionStatus

from .conftest import Story

GUIDE = Path(__file__).parents[2] / "docs" / "guide"

_COMMENT = re.compile(r"\s+# (here|the latest is|exit) (\S+)$")


def commands(text: str) -> list[tuple[str, str, str]]:
    """The commands of the console blocks of a text, each with what its comment says."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            assert line.startswith("$ "), line
            comment = _COMMENT.search(line)
            found.append((_COMMENT.sub("", line[2:]), *(comment.groups() if comment else ("", ""))))
    return found


def execute(line: str) -> Result:
    """Run one shell line: in this process if it is a command of ``dml`` alone, otherwise with bash."""
    if line.startswith("dml") and not re.search(r"[|<>;&$`]", line):
        return run(*shlex.split(line, comments=True)[1:])
    shell = f'dml() {{ "{sys.executable}" -m dml.cli "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", shell + line], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False
    )
    return Result(done.returncode, done.stdout, done.stderr)


def follow(text: str, bound: dict[str, str]) -> None:
    """Run the commands of a text, one shell line each, in the directory to which ``cd`` leads."""
    for line, kind, value in commands(text):
        for name, rid in bound.items():
            line = line.replace(name, rid)
        if line.startswith("cd "):
            os.chdir(line[3:])
            continue
        done = execute(f"{line}{' --json' if kind in ('here', 'the latest is') else ''}")
        assert done.code == (int(value) if kind == "exit" else 0), f"{line}\n{done.shown}"
        if kind in ("here", "the latest is"):
            bound[value] = re.findall(r'"rid": "([^"]+)"', done.stdout)[0]


@pytest.fixture
def committer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who commits to git."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")


def test_from_a_new_project_to_a_production_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, committer: None
) -> None:
    monkeypatch.chdir(tmp_path)
    follow((GUIDE / "production.md").read_text(encoding="utf-8"), {})
    found = run("exec", "list", "--json").json["executions"]
    assert {one["status"] for one in found} == {"Uploaded"}


def test_the_first_five_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, committer: None) -> None:
    readme = (GUIDE.parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## The first five minutes\n")[2].partition("\n## ")[0]
    monkeypatch.chdir(tmp_path)
    follow(section.replace("$ pip install deriva-dml\n", ""), {})
    (program,) = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    Path("first_try.py").write_text(program, encoding="utf-8")
    for command in ("init", "remote add origin https://example.org/lab/retina.git", "add -A", "commit -m first"):
        subprocess.run(["git", *command.split()], check=True, capture_output=True)
    done = subprocess.run([sys.executable, "first_try.py"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    executions = run("exec", "list", "--json").json["executions"]
    assert [execution["status"] for execution in executions] == ["Uploaded", "Uploaded"]


def test_when_something_happens(story: Story) -> None:
    follow((GUIDE / "operating.md").read_text(encoding="utf-8"), {"2-MODEL": story.model})
    assert "Running" not in {one["status"] for one in run("exec", "list", "--json").json["executions"]}


def rows(heading: str) -> list[str]:
    """The first cells of the table below a heading of the operators' page."""
    text = (GUIDE / "operating.md").read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")][1:]


def test_every_exit_code_has_an_entry() -> None:
    assert rows("A command ended with an exit code") == [str(code) for code in EXIT_CODES]


def test_every_status_has_an_entry() -> None:
    found = {name for cell in rows("An execution is in a status") for name in cell.split(", ")} - {"dead"}
    assert found == {*map(str, ExecutionStatus), *LEGACY}
    assert "Running, dead" in rows("An execution is in a status")


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in GUIDE.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
            file, _, anchor = target.partition("#")
            other = page.parent / file if file else page
            assert other.exists(), f"{page.name}: {target}"
            headings = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert not anchor or anchor in slugs, f"{page.name}: {target}"


def test_the_index_names_every_page() -> None:
    index = (GUIDE / "README.md").read_text(encoding="utf-8")
    for page in GUIDE.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index
