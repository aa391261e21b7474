"""``DerivaML``: the Python API, with the names that users of deriva-ml know.

A facade: each method says what it does in the words of the room that does it, and does nothing of its own. The methods
are plain functions whose first argument is the ``DerivaML``, by subject in the modules of this package. Making one
costs no request. Nothing happens when it is collected: an execution lives until it is stopped, failed or aborted.
"""

from typing import TYPE_CHECKING, Any

from dml.api.deriva_ml import DerivaML
from dml.api.enums import ExecAssetType, ExecMetadataType, MLAsset

if TYPE_CHECKING:
    from dml.api.enums import Status

__all__ = ["DerivaML", "ExecAssetType", "ExecMetadataType", "MLAsset", "Status"]


def __getattr__(name: str) -> Any:
    if name != "Status":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dml.api import enums
    from dml.deprecation import warn_deprecated

    warn_deprecated("Status", "ExecutionStatus")
    return enums.Status
