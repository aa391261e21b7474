"""The arguments and options of a command: what each accepts, how a typed value is converted, how help shows it.

All of it is read from the signature of the command's function, so that values, messages and help texts do not depend
on the version of Typer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

from dml.errors import UsageError

if TYPE_CHECKING:
    from dml.cli.app.typer_internals import Context, Parameter

__all__ = ["ParameterSpec", "help_row", "parameter_specs", "process", "takes_value", "usage"]


KINDS: Final = (str, int, float, bool, Path)
"""The types that a parameter, or each of a list of values, can have besides ``Literal``."""


class ParameterSpec(NamedTuple):
    """What the signature says about one parameter.

    Attributes:
        kind: The type of one value: str, int, float, bool or Path.
        choices: The only values accepted; empty when any is.
        minimum: The least number accepted.
        maximum: The greatest number accepted.
        complete: Returns the values, or pairs of value and help, that begin with a text.
    """

    kind: type = str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    complete: Callable[[str], Iterable[str | tuple[str, str]]] | None = None


def parameter_specs(function: Callable[..., Any]) -> dict[str, ParameterSpec]:
    """The specification of each parameter that ``function`` declares by ``Annotated`` with an Option or Argument."""
    hints = get_type_hints(inspect.unwrap(function), include_extras=True)
    annotated = {name: get_args(hint) for name, hint in hints.items() if hasattr(hint, "__metadata__")}
    return {name: _spec(parts[0], parts[1]) for name, parts in annotated.items()}


def _spec(annotation: Any, declared: Any) -> ParameterSpec:
    kind = _element(annotation)
    choices = tuple(get_args(kind)) if get_origin(kind) is Literal else ()
    if not choices and kind not in KINDS:
        raise TypeError(f"parameters of the type {kind!r} are not supported")
    return ParameterSpec(
        kind=str if choices else kind,
        choices=choices,
        minimum=declared.min,
        maximum=declared.max,
        complete=declared.autocompletion,
    )


def _element(annotation: Any) -> Any:
    """``int`` for ``int``, ``int | None`` and ``list[int] | None``."""
    if NoneType in (parts := get_args(annotation)):
        return _element(next(part for part in parts if part is not NoneType))
    return parts[0] if get_origin(annotation) is list else annotation


def process(parameter: Parameter, spec: ParameterSpec, context: Context, value: Any) -> Any:
    """The value of ``parameter`` from what was typed, or from its default.

    Raises:
        UsageError: It is missing, or is not what ``spec`` accepts.
    """
    if value is None:
        value = () if parameter.multiple or parameter.nargs == -1 else None
    try:
        converted = _converted(spec, value)
    except ValueError as error:
        raise UsageError(f"invalid value for `{_label(parameter)}`: {error}", hint=_hint(context)) from error
    if parameter.required and converted in (None, (), []):
        choices = f", one of {_listed(spec.choices)}" if spec.choices else ""
        raise UsageError(f"missing {parameter.param_type_name} `{_label(parameter)}`{choices}", hint=_hint(context))
    return converted


def _converted(spec: ParameterSpec, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_converted(spec, element) for element in value)
    if not isinstance(value, str):  # a default, a flag or a count
        return float(value) if spec.kind is float and value is not None else value
    if spec.choices:
        if value not in spec.choices:
            raise ValueError(f"`{value}` is not one of {_listed(spec.choices)}")
        return value
    if spec.kind in (int, float):
        return _number(spec, value)
    return Path(value) if spec.kind is Path else value


def _number(spec: ParameterSpec, text: str) -> int | float:
    try:
        number: int | float = spec.kind(text)
    except ValueError:
        raise ValueError(f"`{text}` is not a {'whole number' if spec.kind is int else 'number'}") from None
    if number != number:
        raise ValueError(f"`{text}` is not a number")
    if (spec.minimum is not None and number < spec.minimum) or (spec.maximum is not None and number > spec.maximum):
        raise ValueError(f"{number} is not in the range {_range(spec)}")
    return number


def _range(spec: ParameterSpec) -> str:
    low = "" if spec.minimum is None else f"{spec.minimum:g}"
    high = "" if spec.maximum is None else f"{spec.maximum:g}"
    if low and high:
        return f"{low}<=x<={high}"
    return f"x>={low}" if low else f"x<={high}"


def _listed(choices: Sequence[str]) -> str:
    return ", ".join(f"`{choice}`" for choice in choices)


def _label(parameter: Parameter) -> str:
    """How messages name a parameter: ``-j / --jobs``, or an argument's metavar."""
    if parameter.param_type_name == "argument":
        return metavar(parameter)
    return "` / `".join(parameter.opts)


def _hint(context: Context) -> str:
    return f"`{context.command_path} --help` shows what it takes."


def takes_value(option: Parameter) -> bool:
    """Whether the next word belongs to the option; not so for a flag, and for one that is counted."""
    return not (option.is_flag or option.count)  # type: ignore[attr-defined]


def metavar(parameter: Parameter) -> str:
    """The word that stands for the value in help texts."""
    return parameter.metavar or str(parameter.name).upper()


def usage(parameter: Parameter) -> str:
    """The word of an argument in the usage line, in brackets when it may be left out."""
    word = metavar(parameter)
    return word if parameter.required or word.startswith("[") else f"[{word}]"


def help_row(parameter: Parameter, spec: ParameterSpec) -> tuple[str, str]:
    """The two columns of a parameter in a help text."""
    if parameter.param_type_name == "argument":
        left = metavar(parameter)
    else:
        left = ", ".join(sorted(parameter.opts, key=_dashes))
        if takes_value(parameter):
            left += f" {metavar(parameter)}"
    notes = "; ".join(_notes(parameter, spec))
    text = parameter.help or ""  # type: ignore[attr-defined]
    return left, f"{text}  [{notes}]" if notes else text


def _notes(parameter: Parameter, spec: ParameterSpec) -> list[str]:
    default = parameter.default
    shown = parameter.show_default and default is not None and default is not False  # type: ignore[attr-defined]
    notes = [f"default: {default}"] if shown and str(default) else []
    if spec.minimum is not None or spec.maximum is not None:
        notes.append(_range(spec))
    return [*notes, "required"] if parameter.required else notes


def _dashes(option: str) -> int:
    return len(option) - len(option.lstrip("-"))
