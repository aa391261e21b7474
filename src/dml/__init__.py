"""The operator's command suite for DERIVA-ML.

Importing this costs nothing: each public name is loaded when it is first used (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dml._version import __version__

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog, connect
    from dml.dataset.bag import DatasetBag, FeatureValue
    from dml.dataset.spec import DatasetSpec
    from dml.dataset.version import DatasetVersion, VersionPart
    from dml.deriva_ml import DerivaML, ExecAssetType, ExecMetadataType, MLAsset, Status
    from dml.errors import DmlError
    from dml.execution.asset_edges import AssetEdge
    from dml.execution.asset_lookup import Asset
    from dml.execution.asset_paths import AssetFilePath
    from dml.execution.commit import CommitOptions
    from dml.execution.configuration import AssetSpec, ExecutionConfiguration, LocalFile
    from dml.execution.datasets import DatasetHandle
    from dml.execution.execution import Execution
    from dml.execution.file_specs import FileSpec
    from dml.execution.records import ExecutionRecord
    from dml.execution.report import UploadProgress, UploadReport
    from dml.execution.snapshots import ExecutionSnapshot, PendingSummary
    from dml.execution.status import ExecutionStatus
    from dml.execution.uploading import FileUploadState, UploadState
    from dml.execution.workflow import Workflow
    from dml.target import Target

_HOMES = {
    "Asset": "dml.execution.asset_lookup",
    "AssetEdge": "dml.execution.asset_edges",
    "AssetFilePath": "dml.execution.asset_paths",
    "AssetSpec": "dml.execution.configuration",
    "Catalog": "dml.catalog.connection",
    "CommitOptions": "dml.execution.commit",
    "DatasetBag": "dml.dataset.bag",
    "DatasetHandle": "dml.execution.datasets",
    "DatasetSpec": "dml.dataset.spec",
    "DatasetVersion": "dml.dataset.version",
    "DerivaML": "dml.deriva_ml",
    "DmlError": "dml.errors",
    "ExecAssetType": "dml.deriva_ml",
    "ExecMetadataType": "dml.deriva_ml",
    "Execution": "dml.execution.execution",
    "ExecutionConfiguration": "dml.execution.configuration",
    "ExecutionRecord": "dml.execution.records",
    "ExecutionSnapshot": "dml.execution.snapshots",
    "ExecutionStatus": "dml.execution.status",
    "FeatureValue": "dml.dataset.bag",
    "FileSpec": "dml.execution.file_specs",
    "FileUploadState": "dml.execution.uploading",
    "LocalFile": "dml.execution.configuration",
    "MLAsset": "dml.deriva_ml",
    "PendingSummary": "dml.execution.snapshots",
    "Status": "dml.deriva_ml",
    "Target": "dml.target",
    "UploadProgress": "dml.execution.report",
    "UploadReport": "dml.execution.report",
    "UploadState": "dml.execution.uploading",
    "VersionPart": "dml.dataset.version",
    "Workflow": "dml.execution.workflow",
    "connect": "dml.catalog.connection",
}

__all__ = [
    "Asset",
    "AssetEdge",
    "AssetFilePath",
    "AssetSpec",
    "Catalog",
    "CommitOptions",
    "DatasetBag",
    "DatasetHandle",
    "DatasetSpec",
    "DatasetVersion",
    "DerivaML",
    "DmlError",
    "ExecAssetType",
    "ExecMetadataType",
    "Execution",
    "ExecutionConfiguration",
    "ExecutionRecord",
    "ExecutionSnapshot",
    "ExecutionStatus",
    "FeatureValue",
    "FileSpec",
    "FileUploadState",
    "LocalFile",
    "MLAsset",
    "PendingSummary",
    "Status",
    "Target",
    "UploadProgress",
    "UploadReport",
    "UploadState",
    "VersionPart",
    "Workflow",
    "__version__",
    "connect",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    if name != "Status":  # an older name, which says so each time
        globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
