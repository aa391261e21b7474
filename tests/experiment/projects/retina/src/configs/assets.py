"""Weights and other files."""

from deriva_ml.execution import with_description
from hydra_zen import store

asset_store = store(group="assets")
asset_store(with_description(["ASSET"], "Weights to start from"), name="default_asset")
asset_store([], name="no_assets")
asset_store(["ASSET"], name="roc_quick")
