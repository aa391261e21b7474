"""``BaseConfig``: the groups that every experiment has, and the defaults that choose them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra_zen import builds, store

__all__ = ["BaseConfig", "DerivaBaseConfig", "base_defaults"]


@dataclass
class BaseConfig:
    """What an experiment or notebook is configured with; subclass it to add fields of one's own.

    Attributes:
        deriva_ml: The catalog.
        datasets: Input datasets.
        assets: Input assets.
        dry_run: Whether nothing is written to the catalog.
        description: Why it is done, Markdown.
        config_choices: Config group → option, filled in by the runner.
        script_config: A script's own configuration; None when a model is run.
    """

    deriva_ml: Any = None
    datasets: Any = None
    assets: Any = None
    dry_run: bool = False
    description: str = ""
    config_choices: dict[str, str] = field(default_factory=dict)
    script_config: Any = None


base_defaults: list[Any] = [
    "_self_",
    {"deriva_ml": "default_deriva"},
    {"datasets": "default_dataset"},
    {"assets": "default_asset"},
    {"workflow": "default_workflow"},
    {"model_config": "default_model"},
]
"""The option that each group has unless an experiment says otherwise."""

DerivaBaseConfig = builds(BaseConfig, populate_full_signature=True, hydra_defaults=base_defaults)
store(DerivaBaseConfig, name="deriva_base")
