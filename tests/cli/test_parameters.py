"""Arguments and options: what is accepted, what is said about the rest, and how help shows them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer import Argument, Option

from dml.cli.app.framework import Command, command, single
from dml.cli.app.invocation import Invocation, enter
from dml.cli.app.parameters import KINDS, help_row, parameter_specs
from dml.cli.app.reference import all_commands
from dml.cli.app.typer_internals import build, context_of
from dml.errors import UsageError

EVERY = list(all_commands())
received: dict[str, Any] = {}


def sample() -> Command:
    """A command with a parameter of each kind."""
    app = single("sample")

    @command(app, "sample", examples=[("dml sample", "Nothing.")])
    def sample(
        word: Annotated[str, Argument(metavar="WORD", help="A word.")],
        files: Annotated[list[Path] | None, Argument(metavar="FILE", help="Files.")] = None,
        part: Annotated[Literal["major", "minor"] | None, Option("--part", metavar="PART", help="Which.")] = None,
        count: Annotated[int, Option("--count", "-c", metavar="N", min=0, max=9, help="How many.")] = 3,
        least: Annotated[int | None, Option("--least", metavar="N", min=1, help="At least.")] = None,
        share: Annotated[float, Option("--share", metavar="SHARE", max=1, help="How much.")] = 1,
        tags: Annotated[list[str] | None, Option("--tag", metavar="TAG", help="Tags.")] = None,
        output: Annotated[Path, Option("--output", metavar="DIR", help="Where to.")] = Path(),
        dry: Annotated[bool, Option("--dry", help="Only say.")] = False,
    ) -> None:
        """Take parameters."""
        received.update(locals())

    return build(app)  # type: ignore[return-value]


def values(*words: str) -> dict[str, Any]:
    """What the function gets for a line."""
    received.clear()
    enter(Invocation())
    built = sample()
    with built.make_context("sample", list(words)) as context:
        typer.core.TyperCommand.invoke(built, context)
    return dict(received)


def refusal(*words: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        values(*words)
    return caught.value


def test_defaults_have_the_declared_types() -> None:
    assert values("x") == {
        "word": "x",
        "files": None,
        "part": None,
        "count": 3,
        "least": None,
        "share": 1.0,
        "tags": None,
        "output": Path(),
        "dry": False,
    }
    assert isinstance(received["share"], float)


def test_typed_values_are_converted() -> None:
    line = ["x", "a", "b", "--part", "minor", "-c", "9", "--share", "0.5", "--tag", "p", "--tag", "q", "--dry"]
    assert values(*line, "--output=/srv") == {
        "word": "x",
        "files": [Path("a"), Path("b")],
        "part": "minor",
        "count": 9,
        "least": None,
        "share": 0.5,
        "tags": ["p", "q"],
        "output": Path("/srv"),
        "dry": True,
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", "abc"], "invalid value for `--count` / `-c`: `abc` is not a whole number"),
        (["--count", "1.5"], "invalid value for `--count` / `-c`: `1.5` is not a whole number"),
        (["--count", ""], "invalid value for `--count` / `-c`: `` is not a whole number"),
        (["--count", "10"], "invalid value for `--count` / `-c`: 10 is not in the range 0<=x<=9"),
        (["--count=-1"], "invalid value for `--count` / `-c`: -1 is not in the range 0<=x<=9"),
        (["--least", "0"], "invalid value for `--least`: 0 is not in the range x>=1"),
        (["--share", "much"], "invalid value for `--share`: `much` is not a number"),
        (["--share", "nan"], "invalid value for `--share`: `nan` is not a number"),
        (["--share", "1.5"], "invalid value for `--share`: 1.5 is not in the range x<=1"),
        (["--part", "huge"], "invalid value for `--part`: `huge` is not one of `major`, `minor`"),
        (["--part", "MAJOR"], "invalid value for `--part`: `MAJOR` is not one of `major`, `minor`"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_said_about_a_value(words: list[str], message: str) -> None:
    error = refusal("x", *words)
    assert error.message == message
    assert error.hint == "`sample --help` shows what it takes."


def test_what_is_said_about_a_missing_argument() -> None:
    assert refusal().message == "missing argument `WORD`"


def test_help_rows_name_defaults_ranges_and_what_is_required() -> None:
    built = sample()
    parameters = [one for one in built.get_params(context_of(built, "sample")) if one in built.params]
    rows = [help_row(parameter, built.spec(parameter)) for parameter in parameters]
    assert rows == [
        ("WORD", "A word.  [required]"),
        ("FILE", "Files."),
        ("--part PART", "Which."),
        ("-c, --count N", "How many.  [default: 3; 0<=x<=9]"),
        ("--least N", "At least.  [x>=1]"),
        ("--share SHARE", "How much.  [default: 1; x<=1]"),
        ("--tag TAG", "Tags."),
        ("--output DIR", "Where to.  [default: .]"),
        ("--dry", "Only say."),
    ]
    assert built.collect_usage_pieces(context_of(built, "sample")) == ["[OPTIONS]", "WORD", "[FILE]"]


def test_a_type_that_is_not_converted_is_refused_when_the_command_is_built() -> None:
    class Colour(StrEnum):
        RED = "red"

    def paint(colour: Annotated[Colour, Argument(help="Which.")]) -> None: ...

    paint.__annotations__["colour"] = Annotated[Colour, Argument(help="Which.")]
    with pytest.raises(TypeError, match="Colour"):
        parameter_specs(paint)


@pytest.mark.parametrize(("path", "command"), [(path, command) for path, command, _ in EVERY], ids=lambda one: str(one))
def test_every_parameter_of_every_command_is_specified(path: str, command: Command) -> None:
    assert {parameter.name for parameter in command.params} <= command.specs.keys()
    for parameter in command.params:
        assert command.specs[str(parameter.name)].kind in KINDS
        flag = parameter.param_type_name == "option" and parameter.is_flag  # type: ignore[attr-defined]
        assert flag or parameter.metavar, f"{path}: the value of {parameter.name} has no name in the help"
