import importlib
import pkgutil
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hydra_zen import builds, store

base_defaults = ["_self_", {"deriva_ml": "default_deriva"}, {"datasets": "default_dataset"}]
_notebook_configs: dict[str, Any] = {}


@dataclass
class BaseConfig:
    deriva_ml: Any = None
    datasets: Any = None
    assets: Any = None
    dry_run: bool = False
    description: str = ""
    config_choices: dict[str, str] = field(default_factory=dict)
    script_config: Any = None


DerivaBaseConfig = builds(BaseConfig, populate_full_signature=True, hydra_defaults=base_defaults)
store(DerivaBaseConfig, name="deriva_base")


def run_model(
    deriva_ml: Any,
    datasets: Any,
    assets: Any,
    description: str,
    workflow: Any,
    model_config: Any,
    dry_run: bool = False,
    ml_class: Any = None,
    script_config: Any = None,
) -> None:
    raise RuntimeError("a composition must not run anything")


def create_model_config(ml_class: Any, description: str = "", hydra_defaults: list[Any] | None = None) -> Any:
    return builds(
        partial(run_model, ml_class=ml_class),
        description=description,
        populate_full_signature=True,
        hydra_defaults=hydra_defaults or base_defaults,
    )


def described(items: list[Any], description: str = "") -> list[Any]:
    return items


def with_description(items: list[Any], description: str) -> Any:
    return builds(described, items=items, description=description)


def notebook_config(name: str, config_class: Any = None, defaults: dict[str, str] | None = None, **fields: Any) -> Any:
    chosen = {"deriva_ml": "default_deriva", "datasets": "default_dataset", "assets": "default_asset"}
    groups = [{group: option} for group, option in {**chosen, **(defaults or {})}.items()]
    made = builds(
        config_class or BaseConfig, populate_full_signature=True, hydra_defaults=["_self_", *groups], **fields
    )
    store(made, name=name)
    _notebook_configs[name] = (made, name)
    return made


def load_configs(package: str = "configs") -> list[str]:
    found = importlib.import_module(package)
    names = sorted((one.name for one in pkgutil.iter_modules(found.__path__)), key=lambda n: (n == "experiments", n))
    for name in names:
        importlib.import_module(f"{package}.{name}")
    return names
