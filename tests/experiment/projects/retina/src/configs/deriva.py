"""Which catalog."""

from deriva_ml import DerivaMLConfig
from hydra_zen import store

deriva_store = store(group="deriva_ml")
deriva_store(DerivaMLConfig, name="default_deriva", hostname="local", catalog_id=1, use_minid=False)
