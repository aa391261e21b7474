"""Which source of a setting wins, and the messages about files that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dml.errors import DmlError, UsageError
from dml.settings import SETTINGS, profile_path, resolve, unset_profile, write_profile
from dml.target import Target


def profile(text: str) -> None:
    profile_path().parent.mkdir(parents=True, exist_ok=True)
    profile_path().write_text(text)


def context(directory: Path, **values: object) -> None:
    (directory / ".deriva-context.json").write_text(json.dumps(values, indent=2))


def project(directory: Path, text: str) -> None:
    (directory / "pyproject.toml").write_text(f"[project]\nname = 'x'\n\n[tool.dml]\n{text}\n")


def test_defaults_have_no_target_and_create_nothing(home: Path) -> None:
    settings = resolve()
    assert not settings.has_target
    assert settings.get("jobs") == 4
    assert {settings.origin(name) for name in SETTINGS} == {"default"}
    assert list(home.iterdir()) == []
    with pytest.raises(UsageError) as caught:
        _ = settings.target
    assert "dml catalog use" in caught.value.hint
    assert "dml demo" in caught.value.hint


def test_each_source_wins_over_the_next(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile("jobs = 2\ntimeout = 20\nchunk_size = 200\nmax_retries = 20")
    project(desk, "jobs = 3\ntimeout = 30\nchunk_size = 300")
    monkeypatch.setenv("DML_JOBS", "4")
    monkeypatch.setenv("DML_TIMEOUT", "40")
    settings = resolve({"jobs": "5"})
    assert [settings.get(name) for name in ("jobs", "timeout", "chunk_size", "max_retries")] == [5, 40.0, 300, 20]
    assert settings.origin("jobs") == "flag"
    assert settings.origin("timeout") == "DML_TIMEOUT"
    assert settings.origin("chunk_size") == f"{desk / 'pyproject.toml'}:7"
    assert settings.origin("max_retries") == f"{profile_path()}:4"


def test_the_context_file_of_deriva_ml_is_found_by_walking_up(desk: Path) -> None:
    context(desk, hostname="a.org", catalog_id=7, default_schema="lab", working_dir="work")
    below = desk / "src" / "deep"
    below.mkdir(parents=True)
    settings = resolve(directory=below)
    assert settings.target == Target("a.org", "7")
    assert settings.get("default_schema") == "lab"
    assert settings.workspace == desk / "work"


def test_the_nearer_directory_wins_and_in_one_directory_the_context_file(desk: Path) -> None:
    below = desk / "below"
    below.mkdir()
    context(desk, hostname="far.org", catalog_id="1")
    project(below, 'catalog = "near.org/2"\njobs = 8')
    assert resolve(directory=below).target == Target("near.org", "2")
    context(below, hostname="context.org", catalog_id="3")
    settings = resolve(directory=below)
    assert settings.target == Target("context.org", "3")
    assert settings.get("jobs") == 8


def test_a_project_without_a_dml_table_is_ignored(desk: Path) -> None:
    (desk / "pyproject.toml").write_text("this is not toml, and none of our business")
    assert not resolve().has_target


def test_another_host_does_not_inherit_the_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    profile('host = "a.org"\ncatalog = "7"\nworkspace = "/srv/a7"')
    assert resolve().target == Target("a.org", "7")
    with pytest.raises(UsageError, match=r"no catalog selected on b\.org"):
        _ = resolve({"host": "b.org"}).target
    other = resolve({"host": "b.org", "catalog": "7"})
    assert other.workspace == Path.home() / ".deriva-ml" / "b.org" / "7"
    assert resolve({"host": "a.org"}).target == Target("a.org", "7")


def test_another_catalog_does_not_inherit_the_workspace() -> None:
    profile('host = "a.org"\ncatalog = "7"\nworkspace = "/srv/a7"')
    assert resolve().workspace == Path("/srv/a7")
    assert resolve({"catalog": "8"}).workspace == Path.home() / ".deriva-ml" / "a.org" / "8"
    assert resolve({"catalog": "8", "workspace": "/srv/a8"}).workspace == Path("/srv/a8")


@pytest.mark.parametrize("text", ["a.org/7", "https://a.org/ermrest/catalog/7", "https://a.org/ermrest/catalog/7/"])
def test_a_catalog_may_name_its_host(text: str) -> None:
    assert resolve({"catalog": text}).target == Target("a.org", "7")


def test_a_snapshot_is_part_of_the_catalog() -> None:
    assert resolve({"catalog": "a.org/7@2-ABCD-EFGH"}).target == Target("a.org", "7", "2-ABCD-EFGH")


def test_a_host_alone_or_a_catalog_alone_is_an_error_that_names_the_missing_one() -> None:
    with pytest.raises(UsageError, match="no host selected for catalog 7"):
        _ = resolve({"catalog": "7"}).target
    with pytest.raises(UsageError, match=r"no catalog selected on a\.org"):
        _ = resolve({"host": "a.org"}).target


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("jobs = 3\ntimeout = = 4\n", "line 2"),
        ("jobs = 3\nhost = 'unclosed\n", "line 2"),
        ("jobs = 0", "whole number"),
        ("\n\njobs = 'many'", ":3"),
        ("jobs = [1]", "a string or a number"),
        ("jobs = true", "a string or a number"),
        ("timeout = -1", "number of seconds"),
        ("progress = 'loud'", "one of auto, bar, json, none"),
        ("host = ''", "printable text"),
        ('host = "a\\u001b[31m"', "printable text"),
        ("workspace = '~nobody-of-this-name/x'", "resolved"),
    ],
)
def test_a_malformed_profile_is_named_with_its_line(content: str, problem: str) -> None:
    profile(content)
    with pytest.raises(UsageError) as caught:
        resolve()
    assert str(profile_path()) in caught.value.message
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("content", "line"), [(b'{"hostname":\n  oops}', 2), (b"[1]", 1), (b'{\n"hostname": "\xff"}', 2), (b"", 1)]
)
def test_a_malformed_context_file_is_named_with_its_line(desk: Path, content: bytes, line: int) -> None:
    (desk / ".deriva-context.json").write_bytes(content)
    with pytest.raises(UsageError, match=rf"\.deriva-context\.json, line {line}"):
        resolve()


def test_unknown_keys_are_listed(desk: Path) -> None:
    project(desk, "jobs = 2\nspeed = 9")
    assert resolve().unknown == (f"{desk / 'pyproject.toml'}:6 speed",)


def test_writing_keeps_other_lines_and_comments() -> None:
    profile("# mine\njobs = 2  # two\n\n[other]\nkey = 1\n")
    write_profile("timeout", 30)
    write_profile("jobs", "8")
    write_profile("cache_dir", "/srv/cache")
    assert profile_path().read_text() == (
        '# mine\njobs = 8  # two\ntimeout = 30.0\ncache_dir = "/srv/cache"\n\n[other]\nkey = 1\n'
    )
    settings = resolve()
    assert [settings.get(name) for name in ("jobs", "timeout", "cache_dir")] == [8, 30.0, Path("/srv/cache")]
    assert unset_profile("jobs")
    assert not unset_profile("jobs")
    assert resolve().get("jobs") == 4


@pytest.mark.parametrize("value", ['a"b\\c', "ünïcode", "# no comment", "[x]"])
def test_any_printable_text_survives_the_profile(value: str) -> None:
    write_profile("default_schema", value)
    assert resolve().get("default_schema") == value


def test_a_malformed_profile_is_not_edited() -> None:
    profile("jobs = = 2")
    with pytest.raises(UsageError, match="line 1"):
        write_profile("timeout", 3)
    assert profile_path().read_text() == "jobs = = 2"


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", ""])
def test_a_wrong_value_is_not_written(value: str) -> None:
    with pytest.raises(UsageError):
        write_profile("jobs", value)
    assert not profile_path().exists()


def test_an_unknown_setting_suggests_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        write_profile("job", 3)
    assert "`jobs`" in caught.value.hint


def test_a_profile_that_cannot_be_written_is_an_error(home: Path) -> None:
    (home / "config").write_text("a file where a directory is wanted")
    with pytest.raises(DmlError, match="cannot write"):
        write_profile("jobs", 3)


def test_a_removed_working_directory_has_no_project(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = desk / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert not resolve().has_target
