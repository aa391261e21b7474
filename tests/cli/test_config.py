"""``dml config``: every value with its origin; the profile written and unwritten."""

from __future__ import annotations

from pathlib import Path

from cli.runner import check_message, run
from dml.settings import SETTINGS, profile_path


def test_without_a_word_every_setting_is_shown() -> None:
    assert run("config").shown == run("config", "show").shown
    assert run("config", "--host", "show", "get", "host").stdout == "show\n"


def test_show_lists_every_setting(desk: Path) -> None:
    (desk / "pyproject.toml").write_text("[tool.dml]\njobs = 2\nspeed = 3\n")
    result = run("config", "show", "--host", "a.org")
    check_message("config-show", result.shown)
    document = run("config", "show", "--json").json
    assert [one["name"] for one in document["settings"]] == list(SETTINGS)
    assert document["unknown"] == [f"{desk / 'pyproject.toml'}:3 speed"]
    jobs = next(one for one in document["settings"] if one["name"] == "jobs")
    assert jobs == {"name": "jobs", "value": 2, "origin": f"{desk / 'pyproject.toml'}:2", "variable": "DML_JOBS"}


def test_get_prints_the_value_alone() -> None:
    assert run("config", "get", "jobs").stdout == "4\n"
    assert run("config", "get", "chunk-size").stdout == "50000000\n"
    assert run("config", "get", "host").stdout == ""
    assert run("config", "get", "jobs", "-v").stderr == "from default\n"
    assert run("config", "get", "jobs", "--json").json["value"] == 4


def test_set_and_unset() -> None:
    check_message("config-set", run("config", "set", "jobs", "8").shown)
    assert run("config", "get", "jobs").stdout == "8\n"
    check_message("config-unset", run("config", "unset", "jobs").shown)
    again = run("config", "unset", "jobs")
    assert (again.code, again.stdout) == (0, "jobs is not set; nothing to do\n")
    assert run("config", "unset", "jobs", "--json").json["removed"] is False


def test_errors() -> None:
    check_message("config-set-wrong-value", run("config", "set", "jobs", "many").shown)
    check_message("config-set-unknown", run("config", "set", "job", "8").shown)
    assert not profile_path().exists()


def test_path() -> None:
    assert run("config", "path").stdout == f"{profile_path()}\n"
