"""The notebook's configuration."""

from dataclasses import dataclass

from deriva_ml.execution import BaseConfig, notebook_config


@dataclass
class RocConfig(BaseConfig):
    show_per_class: bool = True
    threshold: float = 0.5


notebook_config("roc", config_class=RocConfig, defaults={"assets": "roc_quick"}, description="ROC curves")
