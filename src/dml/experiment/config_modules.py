"""``load_configs``: import every module of a configuration package, so that each stores what it defines."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from types import ModuleType

from dml.errors import DmlError

__all__ = ["load_configs"]


def load_configs(package_name: str = "configs") -> list[str]:
    """Import a package's modules: subpackages first and whole, then modules by name, ``experiments`` last.

    Args:
        package_name: The package, importable.

    Returns:
        The names of the modules, in the order of their loading; empty when there is no such package.

    Raises:
        DmlError: A module cannot be imported; the error that it raised is the cause.
    """
    try:
        package = importlib.import_module(package_name)
    except ModuleNotFoundError as error:
        if error.name == package_name:
            return []
        raise _of_module(package_name, error) from error
    loaded = []
    for name in _names(package.__name__, list(getattr(package, "__path__", ()))):
        _load(name)
        loaded.append(name)
    return loaded


def _names(package: str, paths: Sequence[str]) -> Iterator[str]:
    found = sorted(pkgutil.iter_modules(list(paths)), key=lambda one: (one.name == "experiments", one.name))
    for one in found:
        if one.ispkg:
            name = f"{package}.{one.name}"
            yield name
            yield from _names(name, list(_load(name).__path__))
    yield from (f"{package}.{one.name}" for one in found if not one.ispkg)


def _load(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _of_module(name, error) from error


def _of_module(name: str, error: Exception) -> DmlError:
    return DmlError(f"The configuration module {name} cannot be imported: {type(error).__name__}: {error}")
