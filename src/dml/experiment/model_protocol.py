"""``DerivaMLModel``: what a model function looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution

__all__ = ["DerivaMLModel"]


@runtime_checkable
class DerivaMLModel(Protocol):
    """A model: any callable with parameters of its own and these two by keyword.

    Stored with ``builds(function, …, populate_full_signature=True, zen_partial=True)``. One with a parameter
    ``dry_run`` is called in a dry run too, with ``execution=None``; one without is not.
    """

    def __call__(
        self, *args: Any, ml_instance: DerivaML | None = None, execution: Execution | None = None, **kwargs: Any
    ) -> Any:
        """Do the work; outputs are registered with ``execution.asset_file_path``."""
