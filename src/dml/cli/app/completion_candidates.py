"""What can be typed next at a place in a command line.

Words before the place are read without converting a value or calling a command, and a word that makes no sense does not
stop anything: the line is still being typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from dml.cli.app.framework import Command, Group
from dml.cli.app.parameters import takes_value
from dml.cli.app.typer_internals import context_of

if TYPE_CHECKING:
    from dml.cli.app.typer_internals import Context, Parameter

__all__ = ["Candidate", "candidates"]


class Candidate(NamedTuple):
    """A word to offer; with a ``kind`` of files or directories, the shell offers its own instead."""

    value: str
    help: str = ""
    kind: Literal["word", "files", "directories"] = "word"


@dataclass
class _Scan:
    """What the words before the place say to one command.

    Attributes:
        given: Names of the options that have been given.
        arguments: The words that are not options; for a group the first one and all words after it.
        pending: The option whose value comes next.
        options_over: Whether ``--`` has been typed.
    """

    given: set[str] = field(default_factory=set)
    arguments: list[str] = field(default_factory=list)
    pending: Parameter | None = None
    options_over: bool = False


def candidates(root: Group, words: list[str], incomplete: str) -> list[Candidate]:
    """What can stand where ``incomplete`` has been typed.

    Args:
        root: The command of ``words[0]``'s left neighbour, ``dml`` itself.
        words: The words between ``dml`` and the place.
        incomplete: The word at the place so far.
    """
    incomplete = "" if incomplete == "=" else incomplete  # bash makes a word of it
    return list(_in_group(root, context_of(root, "dml"), words, incomplete))


def _in_group(group: Group, context: Context, words: list[str], incomplete: str) -> Iterator[Candidate]:
    scan = _scanned(group, context, words)
    name = scan.arguments[0] if scan.arguments else None
    command = group.get_command(context, name) if name is not None else None
    default = group.get_command(context, group.default) if group.default else None
    if command is not None and name is not None:
        yield from _in_command(command, context_of(command, name, context), scan.arguments[1:], incomplete)
    elif name is not None and default is None:
        return  # the word is not a command of this group
    elif default is not None and (name is not None or incomplete.startswith("-") or scan.pending):
        yield from _in_command(default, context_of(default, str(group.default), context), words, incomplete)
    elif scan.pending is not None or (incomplete.startswith("-") and not scan.options_over):
        yield from _options_and_values(group, context, scan, incomplete)
    else:
        yield from (Candidate(*row) for row in group.visible(context) if row[0].startswith(incomplete))
        if default is not None:
            yield from _in_command(default, context_of(default, str(group.default), context), words, incomplete)


def _in_command(command: Command | Group, context: Context, words: list[str], incomplete: str) -> Iterator[Candidate]:
    if isinstance(command, Group):
        yield from _in_group(command, context, words, incomplete)
        return
    scan = _scanned(command, context, words)
    if scan.pending is not None or (incomplete.startswith("-") and not scan.options_over):
        yield from _options_and_values(command, context, scan, incomplete)
        return
    position = len(scan.arguments)
    for parameter in command.get_params(context):
        if parameter.param_type_name == "argument":
            if parameter.nargs == -1 or position < parameter.nargs:
                yield from _values(command, parameter, incomplete)
                return
            position -= parameter.nargs


def _options_and_values(
    command: Command | Group, context: Context, scan: _Scan, incomplete: str
) -> Iterator[Candidate]:
    """Names of options, or the value of the one that is being given."""
    if scan.pending is not None:
        yield from _values(command, scan.pending, incomplete)
        return
    name, equals, value = incomplete.partition("=")
    for parameter in command.get_params(context):
        if equals and name in parameter.opts:
            yield from (
                candidate._replace(value=f"{name}={candidate.value}") if candidate.kind == "word" else candidate
                for candidate in _values(command, parameter, value)
            )
        elif not equals and parameter.param_type_name == "option" and not _spent(parameter, scan):
            options = (option for option in parameter.opts if option.startswith(incomplete))
            yield from (Candidate(option, parameter.help or "") for option in options)  # type: ignore[attr-defined]


def _spent(parameter: Parameter, scan: _Scan) -> bool:
    """Whether an option has been given and can be given once only."""
    repeatable = parameter.multiple or parameter.count  # type: ignore[attr-defined]
    return parameter.name in scan.given and not repeatable


def _values(command: Command | Group, parameter: Parameter, incomplete: str) -> Iterable[Candidate]:
    spec = command.spec(parameter)
    if spec.complete is not None:
        pairs = (choice if isinstance(choice, tuple) else (choice, "") for choice in spec.complete(incomplete))
        return [Candidate(value, text) for value, text in pairs]
    if parameter.metavar == "DIR":
        return [Candidate(incomplete, kind="directories")]
    if spec.kind is Path or parameter.metavar == "FILE":
        return [Candidate(incomplete, kind="files")]
    return [Candidate(choice) for choice in spec.choices if choice.startswith(incomplete)]


def _scanned(command: Command | Group, context: Context, words: list[str]) -> _Scan:
    options = {
        option: parameter
        for parameter in command.get_params(context)
        if parameter.param_type_name == "option"
        for option in parameter.opts
    }
    scan = _Scan()
    remaining = iter(words)
    for word in remaining:
        if scan.pending is not None:
            if word != "=":  # bash takes --progress=auto for three words
                scan.pending = None
        elif scan.options_over or not word.startswith("-") or word == "-":
            scan.arguments.append(word)
            if isinstance(command, Group):
                scan.arguments += remaining
        elif word == "--":
            scan.options_over = True
        else:
            _read_option(options, word, scan)
    return scan


def _read_option(options: dict[str, Parameter], word: str, scan: _Scan) -> None:
    """Note the option ``--name``, ``--name=value``, or the letters ``-vq``."""
    name, equals, _ = word.partition("=")
    names = [name] if name in options else [f"-{letter}" for letter in name[1:] if not name.startswith("--")]
    for position, option in enumerate(names, start=1):
        parameter = options.get(option)
        if parameter is None:
            continue
        scan.given.add(str(parameter.name))
        if takes_value(parameter):
            scan.pending = parameter if position == len(names) and not equals else None
            return  # what follows in the word is its value
