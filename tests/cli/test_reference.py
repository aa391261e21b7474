"""The generated documentation and completions are current, and every command is in them with an example."""

from __future__ import annotations

from pathlib import Path

import pytest

from dml.cli.app.commands import COMMANDS, root
from dml.cli.app.exit_codes import EXIT_CODES
from dml.cli.app.reference import all_commands, main, pages
from dml.cli.app.typer_internals import context_of

TOP = Path(__file__).parents[2]
EVERY = list(all_commands())


@pytest.mark.parametrize("name", sorted(pages()))
def test_what_is_generated_is_current(name: str) -> None:
    path = TOP / name
    assert path.exists(), f"{name} is missing: run `make docs`"
    assert path.read_text(encoding="utf-8") == pages()[name], f"{name} is old: run `make docs`"


def test_no_page_is_left_of_a_command_that_is_gone() -> None:
    there = {str(path.relative_to(TOP)) for path in (TOP / "docs" / "commands").glob("*.md")}
    assert there == {name for name in pages() if name.startswith("docs/commands/")}


@pytest.mark.parametrize(("path", "command"), [(path, command) for path, command, _ in EVERY], ids=lambda one: str(one))
def test_each_command_has_help_examples_and_its_own_name_in_them(path: str, command: object) -> None:
    assert command.help, f"{path} has no help"  # type: ignore[attr-defined]
    assert command.examples, f"{path} has no example"  # type: ignore[attr-defined]
    for example in command.examples:  # type: ignore[attr-defined]
        assert example.line.startswith("dml ")
        assert example.explanation.strip()


@pytest.mark.parametrize(("path", "command"), [(path, command) for path, command, _ in EVERY], ids=lambda one: str(one))
def test_each_parameter_has_help(path: str, command: object) -> None:
    for parameter in command.params:  # type: ignore[attr-defined]
        assert getattr(parameter, "help", None), f"{path}: {parameter.name} has no help"


def test_the_index_has_every_command_and_exit_code() -> None:
    text = pages()["docs/commands/README.md"]
    for name in COMMANDS:
        assert f"({name}.md)" in text
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in text


def test_the_table_tells_what_the_groups_tell() -> None:
    top = root()
    context = context_of(top, "dml")
    for entry in COMMANDS.values():
        assert top.get_command(context, entry.name) is not None
        assert len(entry.help) < 70


def test_writing_it_removes_old_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "docs" / "commands" / "gone.md"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    assert main(tmp_path) == 0
    assert not old.exists()
    assert (tmp_path / "completions" / "dml.bash").exists()
    assert "files written" in capsys.readouterr().out
