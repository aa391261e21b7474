"""A Griffe extension: a function of a module that a class body binds to a name is a method of the class.

``create_execution = executions.create_execution`` in the body of a class makes a method, as any function there does.
Griffe reads the source without running it and takes the line for an attribute; this gives it the function instead.
"""

from __future__ import annotations

from typing import Any

import griffe


class BoundFunctions(griffe.Extension):
    """Replaces attributes whose value is a function of the same package by that function."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Replace them once the whole package is loaded."""
        for cls in _classes(pkg):
            for name, member in list(cls.members.items()):
                if isinstance(member, griffe.Attribute) and isinstance(member.value, griffe.ExprAttribute):
                    target = _target(member.value, pkg)
                    if target is not None:
                        cls.members[name] = _method(target, name, cls)


def _classes(module: griffe.Module) -> list[griffe.Class]:
    found = [member for member in module.members.values() if isinstance(member, griffe.Class)]
    for member in module.members.values():
        if isinstance(member, griffe.Module):
            found += _classes(member)
    return found


def _target(value: griffe.ExprAttribute, package: griffe.Module) -> griffe.Function | None:
    path = value.canonical_path
    if not path.startswith(f"{package.name}."):
        return None
    try:
        member = package[path.removeprefix(f"{package.name}.")]
        if isinstance(member, griffe.Alias):
            member = member.final_target
    except (KeyError, griffe.AliasResolutionError):
        return None
    return member if isinstance(member, griffe.Function) else None


def _method(function: griffe.Function, name: str, cls: griffe.Class) -> griffe.Function:
    method = griffe.Function(
        name,
        parameters=griffe.Parameters(*function.parameters),
        returns=function.returns,
        lineno=function.lineno,
        endlineno=function.endlineno,
        docstring=None,
        parent=cls,
    )
    if function.docstring is not None:
        method.docstring = griffe.Docstring(
            function.docstring.value,
            lineno=function.docstring.lineno,
            endlineno=function.docstring.endlineno,
            parent=function,
            parser=function.docstring.parser,
            parser_options=function.docstring.parser_options,
        )
    return method
