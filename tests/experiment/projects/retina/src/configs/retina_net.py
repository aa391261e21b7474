"""Hyperparameters of the model."""

from hydra_zen import builds, store
from models.retina_net import train

Base = builds(train, populate_full_signature=True, zen_partial=True)
model_store = store(group="model_config")
model_store(Base, name="default_model", zen_meta={"description": "Two epochs"})
model_store(Base, name="retina_quick", epochs=1)
model_store(Base, name="retina_large", epochs=4, hidden=64)
