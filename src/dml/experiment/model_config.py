"""``create_model_config``: the main configuration of a project, which calls ``run_model`` with the chosen options."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hydra_zen import builds

from dml.experiment.base_config import base_defaults
from dml.experiment.model_run import run_model

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML

__all__ = ["create_model_config"]


def create_model_config(
    ml_class: type[DerivaML] | None = None, description: str = "", hydra_defaults: list[Any] | None = None
) -> Any:
    """The main configuration; store it as ``deriva_model``.

    Args:
        ml_class: The class of the models' ``ml_instance``; ``DerivaML`` when None.
        description: Description of experiments that have none, Markdown.
        hydra_defaults: Config groups and their options; ``base_defaults`` when None.
    """
    return builds(
        partial(run_model, ml_class=ml_class),
        description=description,
        populate_full_signature=True,
        hydra_defaults=base_defaults if hydra_defaults is None else hydra_defaults,
    )
