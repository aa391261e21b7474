from typing import Any

from hydra_zen import hydrated_dataclass


class DatasetSpec:
    def __init__(self, rid: str, version: Any, materialize: bool = True, description: str = "") -> None:
        self.rid, self.version = rid, version


@hydrated_dataclass(DatasetSpec)
class DatasetSpecConfig:
    rid: str
    version: Any
    materialize: bool = True
    description: str = ""
