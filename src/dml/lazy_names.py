"""Public names of a package that are imported when they are first used (PEP 562), declared once, in its type stub.

A package calls ``lazy_names(__name__, __file__)`` and lists its names in ``__init__.pyi``, one line each::

    from dml.catalog.vocabulary import Term as Term

Type checkers and editors read the stub as they always do; here the same lines say which module defines a name. The
stub is read when a name is first used, so importing the package costs nothing. ``lazy_loader.attach_stub`` does the
same for names of submodules, but parses the stub during the import, and cannot re-export names of other packages.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would take most of the time that `import dml` takes
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions ``__getattr__`` and ``__dir__`` of a package, by the stub beside it.

    Args:
        package: The package's ``__name__``.
        file: The package's ``__file__``; the stub has the same name and the suffix ``.pyi``.
    """
    modules: dict[str, str] = {}

    def module_of() -> dict[str, str]:
        if not modules:
            with open(f"{file.removesuffix('.py')}.pyi", encoding="utf-8") as stub:  # noqa: PTH123  (no pathlib here)
                lines = [line.split() for line in stub]
            modules.update({words[-1]: words[1] for words in lines if words[:1] == ["from"]})
        return modules

    def get_attribute(name: str) -> Any:
        from importlib import import_module

        if name == "__all__":
            return sorted(module_of())
        if name not in module_of():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        # Not kept in the package's namespace: a superseded name warns each time it is used.
        return getattr(import_module(module_of()[name]), name)

    def list_attributes() -> list[str]:
        return sorted({*module_of(), "__all__"})

    return get_attribute, list_attributes
