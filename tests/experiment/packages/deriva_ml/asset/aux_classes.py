from hydra_zen import hydrated_dataclass


class AssetSpec:
    def __init__(self, rid: str, cache: bool = False) -> None:
        self.rid, self.cache = rid, cache


@hydrated_dataclass(AssetSpec)
class AssetSpecConfig:
    rid: str
    cache: bool = False
