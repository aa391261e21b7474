"""Collections of retina images."""

from deriva_ml.dataset import DatasetSpecConfig
from deriva_ml.execution import with_description
from hydra_zen import store

datasets_store = store(group="datasets")
datasets_store(
    with_description([DatasetSpecConfig(rid="DATASET", version="0.1.0")], "Training images"),
    name="default_dataset",
)
datasets_store([DatasetSpecConfig(rid="DATASET", version="0.1.0")], name="retina_small")
datasets_store([], name="no_datasets")
