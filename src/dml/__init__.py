"""The operator's command suite for DERIVA-ML.

Importing this costs nothing: each public name is loaded when it is first used (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dml._version import __version__

if TYPE_CHECKING:
    from dml.api.dataset_handle import DatasetHandle
    from dml.api.deriva_ml import DerivaML
    from dml.api.downloaded_datasets import DownloadedDatasets
    from dml.api.enums import ExecAssetType, ExecMetadataType, MLAsset
    from dml.api.execution import Execution
    from dml.api.execution_record import ExecutionRecord
    from dml.api.execution_snapshot import ExecutionSnapshot, PendingSummary
    from dml.api.registered_workflow import RegisteredWorkflow
    from dml.api.schema_difference import SchemaDiff
    from dml.api.schema_pins import PinStatus
    from dml.api.validation import (
        AssetSpecResult,
        CrossSpecIssue,
        DatasetSpecResult,
        ExecutionConfigurationValidationReport,
        WorkflowSpecResult,
    )
    from dml.asset.execution_edges import AssetEdge
    from dml.asset.file_spec import FileSpec
    from dml.asset.lookup import Asset
    from dml.asset.record_class import AssetRecord
    from dml.catalog.connection import Catalog, connect
    from dml.catalog.feature_records import FeatureRecord
    from dml.catalog.vocabulary import Term
    from dml.dataset.bag import DatasetBag, FeatureValue
    from dml.dataset.spec import DatasetSpec
    from dml.dataset.version import DatasetVersion, VersionPart
    from dml.deriva_ml import Status
    from dml.errors import DmlError
    from dml.execution.asset_path import AssetFilePath
    from dml.execution.commit import CommitOptions
    from dml.execution.configuration import AssetSpec, ExecutionConfiguration, LocalFile
    from dml.execution.status import ExecutionStatus
    from dml.execution.upload_directory import FileUploadState, UploadState
    from dml.execution.workflow import Workflow
    from dml.experiment.base_config import BaseConfig, DerivaBaseConfig, base_defaults
    from dml.experiment.catalog_config import DerivaMLConfig
    from dml.experiment.config_modules import load_configs
    from dml.experiment.described_list import DescribedList, with_description
    from dml.experiment.input_specs import AssetRID, AssetSpecConfig, DatasetSpecConfig, LocalFileConfig
    from dml.experiment.model_config import create_model_config
    from dml.experiment.model_protocol import DerivaMLModel
    from dml.experiment.model_run import reset_multirun_state, run_model
    from dml.experiment.multirun_configs import (
        MultirunSpec,
        get_all_multirun_configs,
        get_multirun_config,
        list_multirun_configs,
        multirun_config,
    )
    from dml.experiment.notebook_configs import get_notebook_configuration, notebook_config
    from dml.experiment.notebook_run import run_notebook
    from dml.lineage.result import LineageNode, LineageResult
    from dml.target import Target
    from dml.upload.report import UploadProgress, UploadReport

_HOMES = {
    "Asset": "dml.asset.lookup",
    "AssetEdge": "dml.asset.execution_edges",
    "AssetFilePath": "dml.execution.asset_path",
    "AssetRID": "dml.experiment.input_specs",
    "AssetRecord": "dml.asset.record_class",
    "AssetSpec": "dml.execution.configuration",
    "AssetSpecConfig": "dml.experiment.input_specs",
    "AssetSpecResult": "dml.api.validation",
    "BaseConfig": "dml.experiment.base_config",
    "Catalog": "dml.catalog.connection",
    "CommitOptions": "dml.execution.commit",
    "CrossSpecIssue": "dml.api.validation",
    "DatasetBag": "dml.dataset.bag",
    "DatasetHandle": "dml.api.dataset_handle",
    "DatasetSpec": "dml.dataset.spec",
    "DatasetSpecConfig": "dml.experiment.input_specs",
    "DatasetSpecResult": "dml.api.validation",
    "DatasetVersion": "dml.dataset.version",
    "DerivaBaseConfig": "dml.experiment.base_config",
    "DerivaML": "dml.api.deriva_ml",
    "DerivaMLConfig": "dml.experiment.catalog_config",
    "DerivaMLModel": "dml.experiment.model_protocol",
    "DescribedList": "dml.experiment.described_list",
    "DmlError": "dml.errors",
    "DownloadedDatasets": "dml.api.downloaded_datasets",
    "ExecAssetType": "dml.api.enums",
    "ExecMetadataType": "dml.api.enums",
    "Execution": "dml.api.execution",
    "ExecutionConfiguration": "dml.execution.configuration",
    "ExecutionConfigurationValidationReport": "dml.api.validation",
    "ExecutionRecord": "dml.api.execution_record",
    "ExecutionSnapshot": "dml.api.execution_snapshot",
    "ExecutionStatus": "dml.execution.status",
    "FeatureRecord": "dml.catalog.feature_records",
    "FeatureValue": "dml.dataset.bag",
    "FileSpec": "dml.asset.file_spec",
    "FileUploadState": "dml.execution.upload_directory",
    "LineageNode": "dml.lineage.result",
    "LineageResult": "dml.lineage.result",
    "LocalFile": "dml.execution.configuration",
    "LocalFileConfig": "dml.experiment.input_specs",
    "MLAsset": "dml.api.enums",
    "MultirunSpec": "dml.experiment.multirun_configs",
    "PendingSummary": "dml.api.execution_snapshot",
    "PinStatus": "dml.api.schema_pins",
    "RegisteredWorkflow": "dml.api.registered_workflow",
    "SchemaDiff": "dml.api.schema_difference",
    "Status": "dml.deriva_ml",
    "Target": "dml.target",
    "Term": "dml.catalog.vocabulary",
    "UploadProgress": "dml.upload.report",
    "UploadReport": "dml.upload.report",
    "UploadState": "dml.execution.upload_directory",
    "VersionPart": "dml.dataset.version",
    "Workflow": "dml.execution.workflow",
    "WorkflowSpecResult": "dml.api.validation",
    "base_defaults": "dml.experiment.base_config",
    "connect": "dml.catalog.connection",
    "create_model_config": "dml.experiment.model_config",
    "get_all_multirun_configs": "dml.experiment.multirun_configs",
    "get_multirun_config": "dml.experiment.multirun_configs",
    "get_notebook_configuration": "dml.experiment.notebook_configs",
    "list_multirun_configs": "dml.experiment.multirun_configs",
    "load_configs": "dml.experiment.config_modules",
    "multirun_config": "dml.experiment.multirun_configs",
    "notebook_config": "dml.experiment.notebook_configs",
    "reset_multirun_state": "dml.experiment.model_run",
    "run_model": "dml.experiment.model_run",
    "run_notebook": "dml.experiment.notebook_run",
    "with_description": "dml.experiment.described_list",
}

__all__ = [
    "Asset",
    "AssetEdge",
    "AssetFilePath",
    "AssetRID",
    "AssetRecord",
    "AssetSpec",
    "AssetSpecConfig",
    "AssetSpecResult",
    "BaseConfig",
    "Catalog",
    "CommitOptions",
    "CrossSpecIssue",
    "DatasetBag",
    "DatasetHandle",
    "DatasetSpec",
    "DatasetSpecConfig",
    "DatasetSpecResult",
    "DatasetVersion",
    "DerivaBaseConfig",
    "DerivaML",
    "DerivaMLConfig",
    "DerivaMLModel",
    "DescribedList",
    "DmlError",
    "DownloadedDatasets",
    "ExecAssetType",
    "ExecMetadataType",
    "Execution",
    "ExecutionConfiguration",
    "ExecutionConfigurationValidationReport",
    "ExecutionRecord",
    "ExecutionSnapshot",
    "ExecutionStatus",
    "FeatureRecord",
    "FeatureValue",
    "FileSpec",
    "FileUploadState",
    "LineageNode",
    "LineageResult",
    "LocalFile",
    "LocalFileConfig",
    "MLAsset",
    "MultirunSpec",
    "PendingSummary",
    "PinStatus",
    "RegisteredWorkflow",
    "SchemaDiff",
    "Status",
    "Target",
    "Term",
    "UploadProgress",
    "UploadReport",
    "UploadState",
    "VersionPart",
    "Workflow",
    "WorkflowSpecResult",
    "__version__",
    "base_defaults",
    "connect",
    "create_model_config",
    "get_all_multirun_configs",
    "get_multirun_config",
    "get_notebook_configuration",
    "list_multirun_configs",
    "load_configs",
    "multirun_config",
    "notebook_config",
    "reset_multirun_state",
    "run_model",
    "run_notebook",
    "with_description",
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
