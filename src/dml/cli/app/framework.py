"""Declaring commands and groups, and the command classes that give all commands the same options and help.

A group is one module with an ``app``, entered in the table of ``commands``::

    from dml.cli.app.framework import command, current, group

    app = group("exec", "Executions: create, start, stage, commit, show, list.")

    @command(app, "list", examples=[("dml exec list --json", "All executions, for a program.")])
    def list_executions(pending: Annotated[bool, Option("--pending", help="Only pending executions.")] = False) -> None:
        \"\"\"List the executions of the workspace.\"\"\"
        invocation = current()                        # settings, target, workspace, console
        executions = registry_function(invocation.workspace)   # import domain packages inside the function
        invocation.console.emit("exec.list", {"executions": executions}, lambda: render(executions))

``console.emit(noun_verb, payload, render)`` prints the JSON document with ``--json`` and calls ``render`` otherwise.
A command succeeds by returning and fails by raising a ``DmlError``; ``raise typer.Exit(3)`` exits with another code
after its output. Every command has at least one example: the documentation prints it and a test runs it.
A command that stands alone (``dml lineage RID``) uses ``single()`` instead of ``group()``. Arguments that are RIDs take
``autocompletion=complete_execution`` (or another function of ``shell_complete``). At module level a command module
imports nothing heavier than the standard library, typer and this package.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import typer

from dml.cli.app.invocation import Invocation, current
from dml.cli.app.options import global_options, global_specs, is_global
from dml.cli.app.parameters import ParameterSpec, help_row, parameter_specs, process, usage
from dml.cli.app.typer_internals import TyperCommand, TyperGroup, set_conversion

if TYPE_CHECKING:
    from dml.cli.app.typer_internals import Context, HelpFormatter, Parameter

__all__ = ["Command", "Example", "Group", "Invocation", "command", "current", "group", "single"]

_Function = TypeVar("_Function", bound=Callable[..., None])


class Example(NamedTuple):
    """An example command line with its explanation."""

    line: str
    explanation: str


def group(name: str, help_text: str) -> typer.Typer:
    """Make the Typer application of a group; ``dml NAME`` alone shows its help, with exit code 2."""
    app = typer.Typer(name=name, cls=Group, help=help_text, **PLAIN)
    app.callback()(_nothing)
    return app


def single(name: str) -> typer.Typer:
    """Make the Typer application of a single command, to which ``command`` adds it."""
    return typer.Typer(name=name, **PLAIN)


PLAIN: dict[str, Any] = {
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
}
"""The common settings of all applications: plain help, without Typer's completion and tracebacks."""


def _nothing() -> None:
    pass


def command(
    app: typer.Typer,
    name: str,
    *,
    examples: Sequence[tuple[str, str]],
    cls: type[Command] | None = None,
    **settings: Any,
) -> Callable[[_Function], _Function]:
    """Register a function as the command ``name`` of ``app``; its docstring is the help.

    Args:
        app: From ``group`` or ``single``.
        name: The word to type.
        examples: Lines and explanations, at least one.
        cls: A command class of its own; ``Command`` when None.
        settings: Further arguments of ``Typer.command``, such as ``context_settings`` or ``hidden``.
    """

    def register(function: _Function) -> _Function:
        function.dml_examples = tuple(Example(*entry) for entry in examples)  # type: ignore[attr-defined]
        app.command(name, cls=cls or Command, **settings)(function)
        return function

    return register


class Command(TyperCommand):
    """A command of dml: the global options, plain help, examples."""

    @property
    def examples(self) -> tuple[Example, ...]:
        """The lines shown under *Examples*."""
        return getattr(self.callback, "dml_examples", ())

    @cached_property
    def specs(self) -> dict[str, ParameterSpec]:
        """What each parameter accepts, by its name."""
        return {**global_specs(), **parameter_specs(self.callback)} if self.callback else global_specs()

    def spec(self, parameter: Parameter) -> ParameterSpec:
        """What one parameter accepts; ``--help``, which Typer adds, has no specification of its own."""
        return self.specs.get(str(parameter.name), _NO_SPEC)

    def get_params(self, ctx: Context) -> list[Parameter]:
        """The command's own parameters, then the global ones, then ``--help``."""
        return _all_parameters(self, super().get_params(ctx))

    def get_help_option_names(self, ctx: Context) -> list[str]:
        """The help options in a stable order."""
        return list(ctx.help_option_names)

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """The words of the usage line behind the name."""
        arguments = [parameter for parameter in self.get_params(ctx) if parameter.param_type_name == "argument"]
        return ["[OPTIONS]", *map(usage, arguments)]

    def invoke(self, ctx: Context) -> Any:
        """Run the command, with logging configured."""
        from dml.cli.app.logs import configure

        configure(debug=current().debug)
        return super().invoke(ctx)

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the arguments and options, those of every command last."""
        _write_own_parameters(self, ctx, formatter)
        _write_global_options(self, ctx, formatter)

    def format_epilog(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002
        """Write the examples with their explanations."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"  {example.line}\n")
                    with formatter.indentation():
                        formatter.write_text(example.explanation)


class Group(TyperGroup):
    """A group of commands of dml.

    Attributes:
        default: The command that is meant when no other is named; None when one must be named.
    """

    default: ClassVar[str | None] = None

    def spec(self, parameter: Parameter) -> ParameterSpec:
        """What one parameter accepts."""
        return global_specs().get(str(parameter.name), _NO_SPEC)

    def get_params(self, ctx: Context) -> list[Parameter]:
        """The group's own parameters, then the global ones, then ``--help``."""
        return _all_parameters(self, super().get_params(ctx))

    def get_help_option_names(self, ctx: Context) -> list[str]:
        """The help options in a stable order."""
        return list(ctx.help_option_names)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | Group | None:
        """The command of that name, None when there is none."""
        return super().get_command(ctx, cmd_name)  # type: ignore[return-value]

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse the line; one without any word shows what could be typed."""
        if not args and not self.invoke_without_command:
            typer.echo(ctx.get_help(), err=True)
            raise typer.Exit(2)
        return super().parse_args(ctx, args)

    def visible(self, ctx: Context) -> list[tuple[str, str]]:
        """Names and one-line helps of the commands that are not hidden."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        return [(name, first_line(command.help)) for name, command in commands if command and not command.hidden]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the commands before the options of every command."""
        _write_own_parameters(self, ctx, formatter)
        write_columns(formatter, "Commands", self.visible(ctx))
        _write_global_options(self, ctx, formatter)

    def format_epilog(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the first example of each command."""
        commands = (self.get_command(ctx, name) for name in self.list_commands(ctx))
        lines = [each.examples[0] for each in commands if isinstance(each, Command) and each.examples]
        if lines:
            with formatter.section("Examples"):
                for example in lines:
                    formatter.write(f"  {example.line}\n")

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command; an unknown word suggests the nearest."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from dml.cli.app.usage_errors import unknown_command

            raise unknown_command(self, ctx, name)
        return super().resolve_command(ctx, args)


_NO_SPEC = ParameterSpec(kind=bool)


def _all_parameters(command: Command | Group, own: list[Parameter]) -> list[Parameter]:
    """The parameters of a command in the order of its help, each with dml's conversion of values."""
    every = [*(p for p in own if p.name != "help"), *global_options(), *(p for p in own if p.name == "help")]
    for parameter in every:
        set_conversion(parameter, partial(process, parameter, command.spec(parameter)))
    return every


def _records(command: Command | Group, ctx: Context) -> Iterator[tuple[Parameter, tuple[str, str]]]:
    for parameter in command.get_params(ctx):
        yield parameter, help_row(parameter, command.spec(parameter))


def _write_own_parameters(command: Command | Group, ctx: Context, formatter: HelpFormatter) -> None:
    own = [(parameter, record) for parameter, record in _records(command, ctx) if not is_global(parameter)]
    for kind, heading in (("argument", "Arguments"), ("option", "Options")):
        write_columns(formatter, heading, [record for declared, record in own if declared.param_type_name == kind])


def _write_global_options(command: Command | Group, ctx: Context, formatter: HelpFormatter) -> None:
    everywhere = [record for parameter, record in _records(command, ctx) if is_global(parameter)]
    write_columns(formatter, "Options of every command", everywhere)


def first_line(text: str | None) -> str:
    """The first paragraph of a help text, on one line."""
    return " ".join(inspect.cleandoc(text or "").partition("\n\n")[0].split())


def write_columns(formatter: HelpFormatter, heading: str, rows: Sequence[tuple[str, str]]) -> None:
    """Write a section of two columns, or nothing when there are no rows."""
    if rows:
        with formatter.section(heading):
            formatter.write_dl(list(rows))
