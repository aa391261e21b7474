from deriva_ml.execution.base_config import (
    BaseConfig,
    DerivaBaseConfig,
    base_defaults,
    create_model_config,
    load_configs,
    notebook_config,
    with_description,
)
from deriva_ml.execution.multirun_config import MultirunSpec, multirun_config
from deriva_ml.execution.workflow import Workflow

__all__ = [
    "BaseConfig",
    "DerivaBaseConfig",
    "MultirunSpec",
    "Workflow",
    "base_defaults",
    "create_model_config",
    "load_configs",
    "multirun_config",
    "notebook_config",
    "with_description",
]
