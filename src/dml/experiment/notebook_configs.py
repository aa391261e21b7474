"""Configurations of notebooks: ``notebook_config("roc_analysis", …)`` in a module, composed by the notebook's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra_zen import builds, store

from dml.errors import NotFoundError
from dml.experiment.base_config import BaseConfig

__all__ = ["compose_notebook", "get_notebook_configuration", "list_notebook_configs", "notebook_config"]

_notebook_configs: dict[str, tuple[Any, str]] = {}
"""Name → the stored configuration and the name it is stored under."""

_GROUPS = {"deriva_ml": "default_deriva", "datasets": "default_dataset", "assets": "default_asset"}


def notebook_config(
    name: str,
    config_class: type[BaseConfig] | None = None,
    defaults: Mapping[str, str] | None = None,
    **fields: Any,
) -> Any:
    """Store the configuration of a notebook under its name.

    Args:
        name: The notebook's file name without ``.ipynb``, or another name to choose by ``--config-name``.
        config_class: A subclass of ``BaseConfig`` with fields of its own.
        defaults: Config group → option, for groups that differ from the default.
        **fields: Values of the class's fields.
    """
    chosen = {**_GROUPS, **(defaults or {})}
    made = builds(
        config_class or BaseConfig,
        populate_full_signature=True,
        hydra_defaults=["_self_", *({group: option} for group, option in chosen.items())],
        **fields,
    )
    store(made, name=name)
    _notebook_configs[name] = (made, name)
    return made


def list_notebook_configs() -> list[str]:
    """The names of all notebook configurations, sorted."""
    return sorted(_notebook_configs)


def get_notebook_configuration(
    config_class: Any,
    config_name: str,
    overrides: Sequence[str] | None = None,
    job_name: str = "notebook",
    version_base: str = "1.3",
) -> Any:
    """Compose and instantiate a configuration that its class was stored for, for use in a notebook.

    Args:
        config_class: What ``builds`` or ``notebook_config`` made; stored under the name if nothing is yet.
        config_name: The name it is stored under.
        overrides: Hydra's overrides.
        job_name: What Hydra calls the job.
        version_base: The version of Hydra whose ways count.
    """
    if (None, config_name) not in store:
        store(config_class, name=config_name)
    return _composed(config_name, overrides or (), job_name, version_base)


def compose_notebook(name: str, overrides: Sequence[str] = (), *, config_package: str | None = "configs") -> Any:
    """Compose and instantiate the configuration of a notebook by its name alone.

    Args:
        name: As given to ``notebook_config``.
        overrides: Hydra's overrides.
        config_package: The package whose modules are loaded first; None when they are loaded already.

    Raises:
        NotFoundError: There is no such configuration.
    """
    from dml.experiment.config_modules import load_configs

    if config_package is not None:
        load_configs(config_package)
    if name not in _notebook_configs:
        there = ", ".join(list_notebook_configs()) or "none"
        raise NotFoundError(f"There is no notebook configuration {name!r}", hint=f"There are: {there}.")
    return _composed(name, overrides, name, "1.3")


def _composed(name: str, overrides: Sequence[str], job_name: str, version_base: str) -> Any:
    from hydra import compose, initialize
    from hydra.core.global_hydra import GlobalHydra
    from hydra_zen import instantiate
    from omegaconf import open_dict

    store.add_to_hydra_store(overwrite_ok=True)
    GlobalHydra.instance().clear()
    with initialize(version_base=version_base, config_path=None, job_name=job_name):
        composed = compose(name, overrides=list(overrides), return_hydra_config=True)
    choices = {str(key): str(value) for key, value in composed.hydra.runtime.choices.items()}
    with open_dict(composed):
        del composed["hydra"]
    made = instantiate(composed)
    if hasattr(made, "config_choices") and not made.config_choices:
        made.config_choices = choices
    return made
