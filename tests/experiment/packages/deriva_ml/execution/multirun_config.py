from dataclasses import dataclass, field


@dataclass
class MultirunSpec:
    name: str
    overrides: list[str] = field(default_factory=list)
    description: str = ""


_multirun_registry: dict[str, MultirunSpec] = {}


def multirun_config(name: str, overrides: list[str], description: str = "") -> MultirunSpec:
    _multirun_registry[name] = MultirunSpec(name, overrides, description)
    return _multirun_registry[name]
