"""Help, suggestions and the options that every command takes."""

from __future__ import annotations

import pytest

from cli.runner import check_message, run
from dml._version import __version__
from dml.cli.app.commands import COMMANDS
from dml.cli.app.exit_codes import EXIT_CODES, SHORT
from dml.cli.app.framework import command, group, single
from dml.cli.app.reference import all_commands
from dml.cli.app.tables import width_of

EVERY = [path.split()[1:] for path, _, _ in all_commands()]


def test_root_help_lists_every_command_and_the_exit_codes() -> None:
    result = run("--help")
    assert result.code == 0
    assert not result.stderr
    for entry in COMMANDS.values():
        assert f"  {entry.name} " in result.stdout
    for code in EXIT_CODES:
        assert str(code) in SHORT
    assert "7 locked or wrong state" in " ".join(result.stdout.split())


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_each_command_has_help_with_a_sentence_and_examples(words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.code == 0
    assert result.stdout.startswith("Usage: dml " + " ".join(words))
    assert "Examples:" in result.stdout
    assert "--json" in result.stdout
    assert "[env: DML_HOST]" in result.stdout
    help_text = result.stdout.splitlines()[2]
    assert help_text.startswith("  ")
    assert len(help_text.strip()) > 10


@pytest.mark.parametrize("words", [[], ["config"], ["config", "show"]], ids=str)
def test_short_and_long_help_are_the_same(words: list[str]) -> None:
    assert run(*words, "-h").stdout == run(*words, "--help").stdout


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help_fits_eighty_columns(words: list[str]) -> None:
    for line in run(*words, "--help").stdout.splitlines():
        assert width_of(line) <= 80 or "dml " in line  # an example is one line, to be copied


def test_version_is_one_line() -> None:
    result = run("--version")
    assert (result.code, result.stdout) == (0, f"dml {__version__}\n")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unknown-command", ["cofnig"]),
        ("unknown-verb", ["config", "sohw"]),
        ("verb-without-its-noun", ["set"]),
        ("nothing-like-it", ["xyzzy"]),
        ("unknown-option", ["config", "show", "--jsno"]),
        ("missing-argument", ["config", "set", "jobs"]),
        ("extra-argument", ["version", "now"]),
        ("option-without-value", ["version", "--host"]),
        ("wrong-shell", ["completion", "tcsh"]),
        ("wrong-progress", ["config", "show", "--progress", "loud"]),
        ("root-help", ["--help"]),
        ("command-help", ["config", "set", "--help"]),
        ("group-help", ["config", "--help"]),
    ],
)
def test_what_is_said_about_a_command_line(name: str, words: list[str]) -> None:
    check_message(name, run(*words).shown)


@pytest.mark.parametrize(
    "words", [["--json", "config", "path"], ["config", "--json", "path"], ["config", "path", "--json"]], ids=" ".join
)
def test_global_options_stand_anywhere(words: list[str]) -> None:
    assert run(*words).json["schema"] == "dml.config.path/1"


@pytest.mark.parametrize(
    "words", [["--host", "a.org", "config", "get", "host"], ["config", "get", "host", "--host=a.org"]], ids=" ".join
)
def test_settings_given_as_flags_stand_anywhere(words: list[str]) -> None:
    assert run(*words).stdout == "a.org\n"


def test_the_later_of_two_flags_wins() -> None:
    assert run("--host", "a.org", "config", "get", "host", "--host", "b.org").stdout == "b.org\n"


def test_usage_errors_are_json_with_json() -> None:
    document = run("config", "show", "--json", "--nonsense").json
    assert document["schema"] == "dml.error/1"
    assert document["error"]["exit"] == 2
    assert document["error"]["type"] == "UsageError"


def test_a_json_option_behind_a_double_dash_is_not_ours() -> None:
    result = run("version", "--", "--json")
    assert result.code == 2
    assert not result.stdout
    assert result.stderr.startswith("error: ")


def test_a_command_without_example_cannot_pass_unnoticed() -> None:
    app = group("things", "Things.")

    @command(app, "list", examples=[("dml things list", "All.")])
    def list_things() -> None:
        """List things."""

    assert list_things.dml_examples[0].line == "dml things list"  # type: ignore[attr-defined]
    assert single("thing").info.name == "thing"


def test_a_group_alone_shows_what_could_be_typed() -> None:
    alone = run("exec")
    assert (alone.code, alone.stdout) == (2, "")
    assert alone.stderr == run("exec", "--help").stdout


def test_a_group_that_is_a_command_asks_for_what_is_missing() -> None:
    assert run("lineage").stderr.startswith("error: missing argument `RID[@VERSION]`")
    assert "diff" in run("lineage", "--help").stdout
