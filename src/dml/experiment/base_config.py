"""``BaseConfig``: the config groups of every experiment, and the options chosen by default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra_zen import builds, store

__all__ = ["BaseConfig", "DerivaBaseConfig", "base_defaults"]


@dataclass
class BaseConfig:
    """The configuration of an experiment or a notebook; subclass it to add fields.

    Attributes:
        deriva_ml: The catalog, a ``DerivaMLConfig``.
        datasets: Input datasets, specifications or RIDs.
        assets: Input assets, specifications or RIDs.
        dry_run: Run without writing to the catalog.
        description: The purpose of the run, Markdown.
        config_choices: The option chosen for each config group; set by the runner.
        script_config: A script that is called instead of a model; None for a model.
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
"""The option of each config group, unless an experiment chooses another one."""

DerivaBaseConfig = builds(BaseConfig, populate_full_signature=True, hydra_defaults=base_defaults)
store(DerivaBaseConfig, name="deriva_base")
