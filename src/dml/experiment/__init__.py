"""The user's own experiments: their project, its Hydra configuration, and running it with provenance.

The names below are those that configuration modules import, as ``deriva_ml.execution`` has them; each is loaded when it
is first used, because most need hydra-zen.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.execution.configuration import AssetSpec, ExecutionConfiguration, LocalFile
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

HOMES = {
    "AssetRID": "dml.experiment.input_specs",
    "AssetSpec": "dml.execution.configuration",
    "AssetSpecConfig": "dml.experiment.input_specs",
    "BaseConfig": "dml.experiment.base_config",
    "DatasetSpecConfig": "dml.experiment.input_specs",
    "DerivaBaseConfig": "dml.experiment.base_config",
    "DerivaMLConfig": "dml.experiment.catalog_config",
    "DerivaMLModel": "dml.experiment.model_protocol",
    "DescribedList": "dml.experiment.described_list",
    "ExecutionConfiguration": "dml.execution.configuration",
    "LocalFile": "dml.execution.configuration",
    "LocalFileConfig": "dml.experiment.input_specs",
    "MultirunSpec": "dml.experiment.multirun_configs",
    "Workflow": "dml.execution.workflow",
    "base_defaults": "dml.experiment.base_config",
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
"""Public name → the module that defines it."""

__all__ = [
    "AssetRID",
    "AssetSpec",
    "AssetSpecConfig",
    "BaseConfig",
    "DatasetSpecConfig",
    "DerivaBaseConfig",
    "DerivaMLConfig",
    "DerivaMLModel",
    "DescribedList",
    "ExecutionConfiguration",
    "LocalFile",
    "LocalFileConfig",
    "MultirunSpec",
    "Workflow",
    "base_defaults",
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
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
