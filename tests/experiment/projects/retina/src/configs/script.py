"""No script runs instead of the model."""

from hydra_zen import store

store(None, group="script_config", name="none")
