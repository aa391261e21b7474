"""Generator of the command reference: ``python -m dml.cli.app.reference`` (``make docs``).

Writes one page for each top-level command and an index to ``docs/commands``, and the completion scripts to
``completions``. ``pages()`` gives the same texts without writing, for the test that compares.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dml.cli.app.commands import COMMANDS, root
from dml.cli.app.exit_codes import EXIT_CODES
from dml.cli.app.framework import Command, Group
from dml.cli.app.options import global_options, global_specs, is_global
from dml.cli.app.parameters import ParameterSpec, help_row
from dml.cli.app.typer_internals import context_of
from dml.cli.completion import FILES, SCRIPTS
from dml.settings import SETTINGS

if TYPE_CHECKING:
    from dml.cli.app.typer_internals import Context, Parameter

__all__ = ["all_commands", "main", "pages"]

HEADER = "<!-- Written by `make docs` from the commands themselves; edit those. -->\n"


def main(directory: Path | None = None) -> int:
    """Write every generated file below ``directory`` (the working directory) and remove pages of commands gone."""
    base = directory or Path.cwd()
    wanted = pages()
    for old in (base / "docs" / "commands").glob("*.md"):
        if str(old.relative_to(base)) not in wanted:
            old.unlink()
    for name, text in wanted.items():
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(wanted)} files written\n")
    return 0


def pages() -> dict[str, str]:
    """Every generated file: path from the top of the source → text."""
    top = root()
    base = context_of(top, "dml")
    texts = {"docs/commands/README.md": _index()}
    for name in COMMANDS:
        command = top.get_command(base, name)
        assert command is not None  # noqa: S101  (every entry of the table can be loaded)
        texts[f"docs/commands/{name}.md"] = _page(name, command, base)
    texts |= {f"completions/{FILES[shell]}": script for shell, script in SCRIPTS.items()}
    return texts


def all_commands() -> Iterator[tuple[str, Command, Context]]:
    """Every command that can be run, with its full name (``dml exec list``) and a context for its help."""
    top = root()
    base = context_of(top, "dml")
    yield from _below(top, base)


def _below(group: Group, context: Context) -> Iterator[tuple[str, Command, Context]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = context_of(command, name, context)
        if isinstance(command, Group):
            yield from _below(command, inner)
        elif isinstance(command, Command):
            yield inner.command_path, command, inner


def _index() -> str:
    lines = [HEADER, "# The commands of `dml`", ""]
    lines += ["| command | what it does |", "|---|---|"]
    lines += ["| `dml` | Show the target and what needs attention. |"]
    lines += [f"| [`dml {entry.name}`]({entry.name}.md) | {entry.help} |" for entry in COMMANDS.values()]
    lines += ["", "Every command takes these options, before or after its name:", ""]
    lines += ["| option | meaning |", "|---|---|"]
    lines += [_option_row(option, global_specs()[str(option.name)]) for option in global_options()]
    lines += ["", "With `--json` a command prints one JSON document on one line, with its model's name in `schema`;"]
    lines += ['streams print several, the last with `"record": "result"`. An error is a document as well:']
    lines += ['`{"schema": "dml.error/1", "error": {"type", "message", "hint", "exit"}}`. Fields are only ever added.']
    lines += ["", "## Settings", ""]
    lines += ["A value is looked for in this order: the flag; the environment; the project (`.deriva-context.json` or"]
    lines += [
        "`[tool.dml]` of `pyproject.toml`, walking up from the working directory: the nearer directory wins, and in"
    ]
    lines += [
        "one directory the context file); the user's profile (`dml config path`); the default. A place that names"
    ]
    lines += [
        "another host does not inherit the catalog of the places after it, and one that names another catalog not"
    ]
    lines += ["their workspace. `dml config show` shows every value and where it came from.", ""]
    lines += ["| setting | environment | default | meaning |", "|---|---|---|---|"]
    for setting in SETTINGS.values():
        default = "" if setting.default is None else f"`{setting.default}`"
        lines.append(f"| `{setting.name}` | `{setting.variable}` | {default} | {setting.help} |")
    lines += ["", "`DML_DEBUG` set to anything is `--debug`; `NO_COLOR` and `COLUMNS` are honoured.", ""]
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    return "\n".join(lines) + "\n"


def _page(name: str, command: Command | Group, base: Context) -> str:
    context = context_of(command, name, base)
    lines = [HEADER, f"# `dml {name}`", "", COMMANDS[name].help, ""]
    if isinstance(command, Group):
        inner = list(_below(command, context))
        lines += [
            f"- [`{path}`](#{path.replace(' ', '-')}): {_first(inner_command)}" for path, inner_command, _ in inner
        ] + [""]
        for path, inner_command, its_context in inner:
            lines += [f"## `{path}`", "", *_body(path, inner_command, its_context)]
    else:
        lines += _body(f"dml {name}", command, context)
    lines.append("[Options of every command, settings and exit codes](README.md)")
    return "\n".join(lines) + "\n"


def _first(command: Command) -> str:
    return " ".join(inspect.cleandoc(command.help or "").partition("\n\n")[0].split())


def _body(path: str, command: Command, context: Context) -> list[str]:
    usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece)
    lines = ["```", f"{path} {usage}".rstrip(), "```", "", inspect.cleandoc(command.help or ""), ""]
    own = [parameter for parameter in command.get_params(context) if not is_global(parameter)]
    rows = [_option_row(parameter, command.spec(parameter)) for parameter in own]
    if rows:
        lines += ["| option or argument | meaning |", "|---|---|", *rows, ""]
    lines += ["```sh"]
    for example in command.examples:
        lines += [f"# {example.explanation}", example.line]
    return [*lines, "```", ""]


def _option_row(parameter: Parameter, spec: ParameterSpec) -> str:
    left, right = help_row(parameter, spec)
    return f"| `{_cell(left)}` | {_cell(right)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.exit(main())
