"""Table of all commands of ``dml`` with their modules, and the root command that loads them lazily.

A module is imported only when its command is run, completed into, or its own help is shown: ``dml --help`` reads
this table alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

import typer

from dml.cli.app.exit_codes import SHORT
from dml.cli.app.framework import PLAIN, Command, Group
from dml.cli.app.invocation import current
from dml.cli.app.options import Version
from dml.cli.app.typer_internals import build

if TYPE_CHECKING:
    from dml.cli.app.typer_internals import Context, HelpFormatter


class Entry(NamedTuple):
    """A top-level command.

    Attributes:
        name: The word after ``dml``.
        module: The module whose ``app`` (a ``frame.group`` or ``frame.single``) holds it.
        help: One line, shown by ``dml --help``.
    """

    name: str
    module: str
    help: str


COMMANDS: Final[dict[str, Entry]] = {
    entry.name: entry
    for entry in (
        Entry("demo", "dml.cli.demo", "Run a worked example end to end on an embedded catalog."),
        Entry("preflight", "dml.cli.preflight", "Check an experiment before it runs."),
        Entry("run", "dml.cli.run", "Run an experiment with provenance."),
        Entry("run-notebook", "dml.cli.notebook", "Run a notebook with provenance."),
        Entry("init", "dml.cli.init", "Write a small working project."),
        Entry("bump", "dml.cli.bump", "Tag the project's next version."),
        Entry("tui", "dml.cli.tui", "A live dashboard of running, failed and pending executions."),
        Entry("exec", "dml.cli.exec", "Executions: create, start, stage, commit, show, list."),
        Entry("lineage", "dml.cli.lineage", "Show what produced an artifact and from which inputs."),
        Entry("nested", "dml.cli.nested", "Nested executions: the runs of a sweep or pipeline."),
        Entry("compare", "dml.cli.compare", "Compare executions side by side, with their metrics."),
        Entry("dataset", "dml.cli.dataset", "Datasets: find, create, change, split and release them."),
        Entry("cache", "dml.cli.cache", "Datasets and assets on this machine: fetch, verify, pin, clear."),
        Entry("workflow", "dml.cli.workflow", "Workflows: the code that executions run; list, show, describe."),
        Entry("asset", "dml.cli.asset", "Assets: the files of a catalog; list, show, download, trace use."),
        Entry("feature", "dml.cli.feature", "Features: values that executions assign to rows; read, define, add."),
        Entry("metrics", "dml.cli.metrics", "Metrics of executions: as a table, a plot or an image."),
        Entry("cite", "dml.cli.cite", "The permanent link to a row, and the current one."),
        Entry("catalog", "dml.cli.catalog", "Select, prepare, show and serve catalogs."),
        Entry("vocab", "dml.cli.vocab", "List and add the terms of controlled vocabularies."),
        Entry("mcp", "dml.cli.mcp", "Serve assistants: executions, lineage and the rest as MCP tools."),
        Entry("config", "dml.cli.config", "Show and change settings, each with its origin."),
        Entry("doctor", "dml.cli.doctor", "Check this machine, the workspace and the server."),
        Entry("completion", "dml.cli.completion", "Print the completion script for bash, zsh or fish."),
        Entry("version", "dml.cli.version", "Show the versions of dml and its dependencies."),
    )
}

HELP: Final = """\
Run machine-learning experiments on DERIVA catalogs, with provenance.

`dml` alone shows the target and what needs attention."""


class Root(Group):
    """``dml`` itself: its commands come from ``COMMANDS``, each loaded on first use."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002
        """The names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | Group | None:
        """Load the module of ``cmd_name`` and build its command."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = load(COMMANDS[cmd_name])
        return super().get_command(ctx, cmd_name)

    def visible(self, ctx: Context) -> list[tuple[str, str]]:  # noqa: ARG002
        """Names and one-line helps for completion; no module is imported."""
        return [(entry.name, entry.help) for entry in COMMANDS.values()]

    def format_epilog(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002
        """Write the exit codes in short."""
        with formatter.section("Exit codes"):
            formatter.write_text(SHORT)


def load(entry: Entry) -> Command | Group:
    """Import the entry's module and build its command."""
    command = build(import_module(entry.module).app)
    command.name = entry.name
    return command  # type: ignore[return-value]


def root() -> Root:
    """The root command; cheap, made for each invocation."""
    app = typer.Typer(
        name="dml",
        cls=Root,
        help=HELP,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
        **PLAIN,
    )
    app.callback()(_overview)
    return build(app)  # type: ignore[return-value]


def _overview(ctx: typer.Context, global_version: Version = False) -> None:  # noqa: ARG001
    if ctx.invoked_subcommand is None:
        from dml.cli.overview import overview

        overview(current())
