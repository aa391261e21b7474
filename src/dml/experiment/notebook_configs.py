"""Configurations of notebooks: ``notebook_config("roc_analysis", …)`` in a module, chosen by the notebook's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra_zen import builds, store

from dml.errors import NotFoundError
from dml.experiment.base_config import BaseConfig

__all__ = ["compose_notebook", "get_notebook_configuration", "list_notebook_configs", "notebook_config"]

_notebook_configs: dict[str, tuple[Any, str]] = {}
"""The stored configuration of each notebook, and the name under which Hydra stores it."""

_GROUPS = {"deriva_ml": "default_deriva", "datasets": "default_dataset", "assets": "default_asset"}


def notebook_config(
    name: str,
    config_class: type[BaseConfig] | None = None,
    defaults: Mapping[str, str] | None = None,
    **fields: Any,
) -> Any:
    """Store the configuration of a notebook under its name.

    Args:
        name: File name of the notebook without ``.ipynb``, or a name to choose with ``--config-name``.
        config_class: A subclass of ``BaseConfig``; ``BaseConfig`` itself when None.
        defaults: The option of each config group that differs from the default.
        **fields: Values for the fields of ``config_class``.
    """
    chosen = {**_GROUPS, **(defaults or {})}
    config = builds(
        config_class or BaseConfig,
        populate_full_signature=True,
        hydra_defaults=["_self_", *({group: option} for group, option in chosen.items())],
        **fields,
    )
    store(config, name=name)
    _notebook_configs[name] = (config, name)
    return config


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
    """Compose and instantiate a stored configuration, for use in a notebook.

    Args:
        config_class: A configuration from ``builds`` or ``notebook_config``; stored if the name is not in use yet.
        config_name: The name under which it is stored.
        overrides: Hydra overrides to compose with.
        job_name: Name of the Hydra job.
        version_base: The Hydra version whose defaults apply.
    """
    if (None, config_name) not in store:
        store(config_class, name=config_name)
    return _compose(config_name, overrides or (), job_name, version_base)


def compose_notebook(name: str, overrides: Sequence[str] = (), *, config_package: str | None = "configs") -> Any:
    """Compose and instantiate the configuration of a notebook by its name.

    Args:
        name: The name given to ``notebook_config``.
        overrides: Hydra overrides to compose with.
        config_package: A package whose modules are loaded first; None when they are loaded already.

    Raises:
        NotFoundError: There is no such configuration.
    """
    from dml.experiment.config_modules import load_configs

    if config_package is not None:
        load_configs(config_package)
    if name not in _notebook_configs:
        names = ", ".join(list_notebook_configs()) or "none"
        raise NotFoundError(f"no notebook configuration {name!r}", hint=f"Notebook configurations: {names}.")
    return _compose(name, overrides, name, "1.3")


def _compose(name: str, overrides: Sequence[str], job_name: str, version_base: str) -> Any:
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
    config = instantiate(composed)
    if hasattr(config, "config_choices") and not config.config_choices:
        config.config_choices = choices
    return config
