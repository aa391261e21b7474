"""Names of asset tables and vocabulary terms as enumerations, and the older ``Status``."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ExecAssetType", "ExecMetadataType", "MLAsset", "Status"]


class MLAsset(StrEnum):
    """The asset tables of every catalog that has the deriva-ml schema."""

    execution_metadata = "Execution_Metadata"
    execution_asset = "Execution_Asset"


class ExecAssetType(StrEnum):
    """Asset types of the files that executions read and write."""

    input_file = "Input_File"
    output_file = "Output_File"
    notebook_output = "Notebook_Output"
    model_file = "Model_File"


class ExecMetadataType(StrEnum):
    """Asset types of the metadata files of an execution."""

    execution_config = "Execution_Config"
    runtime_env = "Runtime_Env"
    hydra_config = "Hydra_Config"
    deriva_config = "Deriva_Config"
    metrics_file = "Metrics_File"


class Status(StrEnum):
    """The statuses of deriva-ml up to 1.30, mapped to today's; the older name of ``ExecutionStatus``."""

    created = "Created"
    initializing = "Created"
    pending = "Created"
    running = "Running"
    completed = "Stopped"
    failed = "Failed"
    aborted = "Aborted"
