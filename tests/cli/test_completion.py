"""Answers to TAB, and the scripts that ask for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.runner import DML, run
from dml.cli.app.shell_complete import complete_execution
from dml.cli.completion import SCRIPTS
from dml.target import Target
from dml.workspace.executions import insert_execution
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry


@pytest.fixture
def tab(monkeypatch: pytest.MonkeyPatch) -> object:
    """What is offered at the end of a line."""

    def press(line: str, shell: str = "bash") -> list[str]:
        words = line.split(" ")
        with monkeypatch.context() as patch:
            patch.setenv("_DML_COMPLETE", shell)
            patch.setenv("_DML_WORDS", "\n".join(words))
            patch.setenv("_DML_WORD", str(len(words) - 1))
            result = run()
        assert (result.code, result.stderr) == (0, "")
        return result.stdout.splitlines()

    return press


def test_commands_options_and_values(tab) -> None:  # type: ignore[no-untyped-def]
    assert tab("dml conf") == ["config"]
    assert tab("dml config s") == ["show", "set"]
    assert tab("dml config get chunk") == ["chunk_size"]
    assert "--json" in tab("dml config show --")
    assert tab("dml --progress ") == ["auto", "bar", "json", "none"]
    assert tab("dml --host a.org config show --pro") == ["--progress"]
    assert tab("dml completion ") == ["bash", "zsh", "fish"]
    assert tab("dml xyzzy something ") == []


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("dml bump ", ["major", "minor", "patch"]),
        ("dml bump p", ["patch"]),
        ("dml bump patch ", []),
        ("dml run --cfg h", ["hydra"]),
        ("dml run --cfg=h", ["--cfg=hydra"]),
        ("dml run --cfg = h", ["hydra"]),
        ("dml --progress =", ["auto", "bar", "json", "none"]),
        ("dml --progress bar config g", ["get"]),
        ("dml -vq --host=a.org config g", ["get"]),
        ("dml exec create --script ", [":files"]),
        ("dml exec create --hydra-output ", [":directories"]),
        ("dml --workspace ", [":directories"]),
        ("dml init ", [":directories"]),
        ("dml exec stage 1-ABC ", [":files"]),
        ("dml exec stage 1-ABC a.csv ", [":files"]),
        ("dml exec list --limit ", []),
        ("dml config show -- --", []),
        ("dml config show xyzzy --js", ["--json"]),
        ("dml config show --xyzzy --js", ["--json"]),
    ],
)
def test_what_is_offered_where(tab, line: str, offered: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert tab(line) == offered


def test_an_option_is_offered_again_only_when_it_can_be_repeated(tab) -> None:  # type: ignore[no-untyped-def]
    offered = tab("dml exec create --dataset 1-ABC --script train.py -v --")
    assert {"--dataset", "--verbose", "--module"} <= set(offered)
    assert "--script" not in offered


def test_a_group_that_is_a_command_offers_both(tab) -> None:  # type: ignore[no-untyped-def]
    assert tab("dml lineage d") == ["diff"]
    assert {"--depth", "--format", "--json"} <= set(tab("dml lineage --"))
    assert {"--depth", "--json"} <= set(tab("dml lineage 1-ABC --"))
    assert "--depth" not in tab("dml lineage diff --")


def test_the_rid_of_a_group_that_is_a_command_is_offered(tab, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    target = Target("local", "1")
    monkeypatch.setenv("DML_HOST", "local")
    monkeypatch.setenv("DML_CATALOG", "1")
    with Registry.writing(Workspace(target.default_workspace, target)) as registry:
        insert_execution(registry, "4VP", config_json="{}")
    assert tab("dml nested ") == ["show", "add", "remove", "4VP"]
    assert tab("dml nested 4") == ["4VP"]
    assert tab("dml exec show ") == ["4VP"]


def test_helps_are_shown_where_the_shell_can(tab) -> None:  # type: ignore[no-untyped-def]
    (line,) = tab("dml conf", "zsh")
    assert line == "config\tShow and change settings, each with its origin."
    assert tab("dml conf", "fish") == [line]


def test_rids_come_from_the_local_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target("local", "1")
    monkeypatch.setenv("_DML_WORDS", "dml\nexec\nshow\n--catalog\nlocal/1\n")
    assert complete_execution("") == []
    with Registry.writing(Workspace(target.default_workspace, target)) as registry:
        insert_execution(registry, "4VP", config_json="{}", description="first \x1b[31m")
        insert_execution(registry, "5A0", config_json="{}", status="Running")
    assert [rid for rid, _ in complete_execution("")] == ["5A0", "4VP"]
    assert [rid for rid, _ in complete_execution("4v")] == ["4VP"]
    assert complete_execution("%") == []


def test_a_failing_completion_is_silent(home: Path, tab, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    (home / "config" / "dml").mkdir(parents=True)
    (home / "config" / "dml" / "profile.toml").write_text("= broken")
    monkeypatch.setenv("_DML_WORDS", "")
    assert complete_execution("") == []
    assert tab("dml config g") == ["get"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_printed_as_it_is(shell: str) -> None:
    assert run("completion", shell).stdout == SCRIPTS[shell]
    assert run("completion", shell, "--json").json["script"] == SCRIPTS[shell]


def test_bash_completes_through_the_script(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    command = tmp_path / "dml"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dml.cli "$@"\n')
    command.chmod(0o755)
    script = tmp_path / "dml.bash"
    script.write_text(SCRIPTS["bash"])
    program = (
        f'source "{script}"; COMP_WORDS=(dml config s); COMP_CWORD=2; _dml_completion "{command}"; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run([bash, "--norc", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.split(), done.stderr) == (["show", "set"], "")


def test_the_shells_present_accept_their_scripts(tmp_path: Path) -> None:
    for shell, script in SCRIPTS.items():
        program = shutil.which(shell)
        if program is None:
            continue
        path = tmp_path / shell
        path.write_text(script)
        done = subprocess.run([program, "-n", path], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_words_with_line_breaks_and_missing_variables_are_taken() -> None:
    environment = {**os.environ, "_DML_COMPLETE": "bash", "_DML_WORDS": "dml\nconfig\n\n\ns", "_DML_WORD": "nonsense"}
    done = subprocess.run([*DML], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
