"""A Griffe extension: a module's function that the body of a class assigns to a name is a method of that class.

``create_execution = executions.create_execution`` in the body of a class makes a method, as any function there does.
Griffe reads the source without running it and takes the assignment for an attribute; this extension replaces the
attribute with the function. An assignment that names nothing in the package is a warning, which a strict build counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

import griffe

_log = griffe.get_logger("griffe.bound_functions")


class BoundFunctions(griffe.Extension):
    """Replaces attributes of classes whose value is a function of the same package by that function."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Replace them once the whole package is loaded."""
        for cls in _classes(pkg):
            for name, member in list(cls.members.items()):
                function = _function(member, pkg) if _is_assigned_in_the_body(member) else None
                if function is not None:
                    cls.members[name] = _method(function, name, cls)


def _classes(module: griffe.Module) -> Iterator[griffe.Class]:
    for member in module.members.values():
        if isinstance(member, griffe.Class):
            yield member
        elif isinstance(member, griffe.Module):
            yield from _classes(member)


def _is_assigned_in_the_body(member: griffe.Object | griffe.Alias) -> TypeGuard[griffe.Attribute]:
    """Whether a member is an attribute, not of instances alone, whose value is a name with a dot."""
    return (
        isinstance(member, griffe.Attribute)
        and "class-attribute" in member.labels
        and isinstance(member.value, griffe.ExprAttribute)
    )


def _function(attribute: griffe.Attribute, package: griffe.Module) -> griffe.Function | None:
    """The function of the package that is the attribute's value; None when the value is something else."""
    prefix = f"{package.name}."
    path = attribute.value.canonical_path  # type: ignore[union-attr]
    if not path.startswith(prefix):
        return None
    try:
        value = package[path.removeprefix(prefix)]
        value = value.final_target if isinstance(value, griffe.Alias) else value
    except (KeyError, griffe.AliasResolutionError):
        _log.warning(f"{attribute.path} is assigned {path}, which does not exist")
        return None
    return value if isinstance(value, griffe.Function) else None


def _method(function: griffe.Function, name: str, cls: griffe.Class) -> griffe.Function:
    method = griffe.Function(
        name,
        parameters=griffe.Parameters(*function.parameters),
        returns=function.returns,
        lineno=function.lineno,
        endlineno=function.endlineno,
        parent=cls,
    )
    docstring = function.docstring
    if docstring is not None:
        # Names in it are those of the function's module, so that stays its parent.
        method.docstring = griffe.Docstring(
            docstring.value,
            lineno=docstring.lineno,
            endlineno=docstring.endlineno,
            parent=function,
            parser=docstring.parser,
            parser_options=docstring.parser_options,
        )
    return method
