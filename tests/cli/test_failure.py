"""Every way in which a command may fail: exit codes, words, JSON, crash logs."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.runner import Result, check_message, run
from dml import directories, errors
from dml.cli import version as version_module
from dml.cli.app import supported_versions
from dml.cli.app.exit_codes import EXIT_CODES

Fail = Callable[[BaseException], Callable[..., Result]]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Makes ``dml version`` raise what one asks for."""

    def prepare(error: BaseException) -> Callable[..., Result]:
        def raise_it() -> dict[str, str | None]:
            webauthn_cookie = "do-not-show-this-local-variable"
            assert webauthn_cookie
            raise error

        monkeypatch.setattr(version_module, "installed", raise_it)
        monkeypatch.setattr(supported_versions, "find_mismatch", lambda: None)
        return lambda *options: run("version", *options)

    return prepare


def every_error() -> list[type[errors.DmlError]]:
    return [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_each_error_has_its_exit_code_and_its_words(failing: Fail, kind: type[errors.DmlError]) -> None:
    fail = failing(kind("1-ABC is somewhere else", hint="dml exec show 1-ABC"))
    result = fail()
    assert result == Result(kind.exit_code, "", "error: 1-ABC is somewhere else\nhint: dml exec show 1-ABC\n")
    assert result.code in EXIT_CODES
    document = fail("--json").json
    assert document["error"]["type"] == kind.__name__
    assert document["error"]["message"] == "1-ABC is somewhere else"
    assert document["error"]["hint"] == "dml exec show 1-ABC"
    assert document["error"]["exit"] == kind.exit_code


def test_an_error_carries_what_it_was_about_into_json(failing: Fail) -> None:
    error = errors.PartialError("2 of 3 failed")
    error.failed = ["1-ABC", "1-DEF"]  # type: ignore[attr-defined]
    assert failing(error)("--json").json["error"]["failed"] == ["1-ABC", "1-DEF"]


def test_hostile_text_in_an_error_is_harmless(failing: Fail) -> None:
    result = failing(errors.NotFoundError("no term \x1b[2J[/bold]\u202eevil\n"))()
    assert "\x1b" not in result.stderr
    assert "\u202e" not in result.stderr
    assert "[/bold]" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_defect_leaves_a_crash_log_and_no_traceback(failing: Fail) -> None:
    result = failing(KeyError("token=0123456789abcdef0123456789abcdef"))()
    assert result.code == 1
    assert "Traceback" not in result.stderr
    (log,) = (directories.state_directory() / "crashes").iterdir()
    text = log.read_text()
    assert "Traceback" in text
    assert "raise_it" in text
    assert "0123456789abcdef" not in text + result.stderr
    assert "do-not-show-this-local-variable" not in text.replace('"do-not-show-this-local-variable"', "")
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.name in result.stderr


def test_what_is_said_of_a_defect(failing: Fail) -> None:
    check_message("defect", failing(ValueError("the list is empty"))().shown)


def test_a_defect_is_one_json_document_that_names_the_log(failing: Fail) -> None:
    error = failing(ValueError("x"))("--json").json["error"]
    assert error["type"] == "ValueError"
    assert error["exit"] == 1
    assert Path(error["log"]).exists()


def test_debug_shows_the_traceback_and_no_secret(failing: Fail) -> None:
    result = failing(RuntimeError("Authorization: Bearer abcdefghijklmnop"))("--debug")
    assert "Traceback" in result.stderr
    assert "abcdefghijklmnop" not in result.stderr


def test_debug_by_the_environment(failing: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DML_DEBUG", "1")
    assert "Traceback" in failing(errors.NotFoundError("x"))().stderr


def test_a_crash_log_that_cannot_be_written_is_said(failing: Fail, home: Path) -> None:
    (home / "state").write_text("a file where a directory is wanted")
    result = failing(ValueError("x"))()
    assert result.code == 1
    assert "could not be kept" in result.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_worth_trying_again(failing: Fail, number: int) -> None:
    result = failing(OSError(number, os.strerror(number), "/srv/x"))()
    assert result.code == 5
    assert "/srv/x" in result.stderr
    assert not (directories.state_directory() / "crashes").exists()


def test_a_forbidden_file_is_no_defect(failing: Fail) -> None:
    result = failing(PermissionError(errno.EACCES, "Permission denied", "/srv/x"))()
    assert result.code == 1
    assert "not permitted: /srv/x" in result.stderr


def test_an_interrupt_is_130(failing: Fail) -> None:
    assert failing(KeyboardInterrupt())() == Result(130, "", "interrupted\n")


def test_an_error_in_the_settings_is_said_once(home: Path) -> None:
    (home / "config" / "dml").mkdir(parents=True)
    (home / "config" / "dml" / "profile.toml").write_text("jobs = 3\nhost = \n")
    result = run("config", "show")
    assert result.code == 2
    check_message("malformed-profile", result.shown)
    assert json.loads(run("config", "show", "--json").stdout)["error"]["exit"] == 2
