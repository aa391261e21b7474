"""``load_configs``: import every module of a configuration package, so that each one stores its configurations."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from types import ModuleType

from dml.errors import DmlError

__all__ = ["load_configs"]


def load_configs(package_name: str = "configs") -> list[str]:
    """Import the modules of a package: first its subpackages, then modules by name, ``experiments`` last.

    Args:
        package_name: Name of the package, which must be importable.

    Returns:
        The names of the modules in the order in which they were loaded; empty when there is no such package.

    Raises:
        DmlError: A module cannot be imported; the original error is the cause.
    """
    try:
        package = importlib.import_module(package_name)
    except ModuleNotFoundError as error:
        if error.name == package_name:
            return []
        raise _import_error(package_name, error) from error
    names = []
    for name in _module_names(package.__name__, list(getattr(package, "__path__", ()))):
        _load(name)
        names.append(name)
    return names


def _module_names(package: str, paths: Sequence[str]) -> Iterator[str]:
    modules = sorted(pkgutil.iter_modules(list(paths)), key=lambda module: (module.name == "experiments", module.name))
    for module in modules:
        if module.ispkg:
            name = f"{package}.{module.name}"
            yield name
            yield from _module_names(name, list(_load(name).__path__))
    yield from (f"{package}.{module.name}" for module in modules if not module.ispkg)


def _load(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _import_error(name, error) from error


def _import_error(name: str, error: Exception) -> DmlError:
    return DmlError(f"cannot import the configuration module {name}: {type(error).__name__}: {error}")
