"""The main configuration and what every experiment starts from."""

from deriva_ml import DerivaML
from deriva_ml.execution import create_model_config
from hydra_zen import store

DerivaModelConfig = create_model_config(
    DerivaML,
    description="Retina model",
    hydra_defaults=[
        "_self_",
        {"deriva_ml": "default_deriva"},
        {"datasets": "default_dataset"},
        {"assets": "default_asset"},
        {"workflow": "default_workflow"},
        {"model_config": "default_model"},
        {"optional script_config": "none"},
    ],
)
store(DerivaModelConfig, name="deriva_model")
