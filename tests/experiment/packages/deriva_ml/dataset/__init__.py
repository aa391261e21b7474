from deriva_ml.dataset.aux_classes import DatasetSpec, DatasetSpecConfig

__all__ = ["DatasetSpec", "DatasetSpecConfig"]
