"""``DerivaMLModel``: the signature of a model function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution

__all__ = ["DerivaMLModel"]


@runtime_checkable
class DerivaMLModel(Protocol):
    """A model: any callable that accepts ``ml_instance`` and ``execution`` by keyword besides its own parameters.

    Store it with ``builds(function, …, populate_full_signature=True, zen_partial=True)``. A model with a parameter
    ``dry_run`` is called in a dry run too; one without is not.
    """

    def __call__(
        self, *args: Any, ml_instance: DerivaML | None = None, execution: Execution | None = None, **kwargs: Any
    ) -> Any:
        """Run the model; register its outputs with ``execution.asset_file_path``."""
