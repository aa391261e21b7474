"""The import path of the Python API for programs that come from deriva-ml; it contains no logic.

``DerivaML`` and the enumerations are defined in ``dml.api``. ``Status`` is deprecated and warns when it is used.
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
