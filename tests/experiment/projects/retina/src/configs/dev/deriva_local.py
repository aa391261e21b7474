"""A catalog of development."""

from deriva_ml import DerivaMLConfig
from hydra_zen import store

store(DerivaMLConfig, group="deriva_ml", name="local_2", hostname="local", catalog_id=2, use_minid=False)
