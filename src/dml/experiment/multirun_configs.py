"""Named sweeps: define one with ``multirun_config("lr_sweep", overrides=[…])``, run it with ``+multirun=lr_sweep``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = [
    "MultirunSpec",
    "get_all_multirun_configs",
    "get_multirun_config",
    "list_multirun_configs",
    "multirun_config",
]


@dataclass
class MultirunSpec:
    """A named sweep.

    Attributes:
        name: Name of the sweep, for ``+multirun=NAME``.
        overrides: Hydra overrides, at least one of them a sweep.
        description: Description of the parent execution, Markdown.
    """

    name: str
    overrides: list[str] = field(default_factory=list)
    description: str = ""


_multirun_registry: dict[str, MultirunSpec] = {}


def multirun_config(name: str, overrides: Sequence[str], description: str = "") -> MultirunSpec:
    """Register a named sweep; it replaces an earlier one with the same name.

    Args:
        name: Name of the sweep, for ``+multirun=NAME``.
        overrides: Hydra overrides, at least one of them a sweep.
        description: Description of the parent execution, Markdown.
    """
    spec = MultirunSpec(name, list(overrides), description)
    _multirun_registry[name] = spec
    return spec


def get_multirun_config(name: str) -> MultirunSpec | None:
    """The sweep with this name; None when there is none."""
    return _multirun_registry.get(name)


def list_multirun_configs() -> list[str]:
    """The names of all sweeps, sorted."""
    return sorted(_multirun_registry)


def get_all_multirun_configs() -> dict[str, MultirunSpec]:
    """All sweeps by name."""
    return dict(_multirun_registry)
