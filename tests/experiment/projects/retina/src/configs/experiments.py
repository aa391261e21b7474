"""Experiments: what is chosen together."""

from hydra_zen import make_config, store

from configs.base import DerivaModelConfig

experiment_store = store(group="experiment", package="_global_")
experiment_store(
    make_config(
        hydra_defaults=["_self_", {"override /model_config": "retina_quick"}, {"override /datasets": "retina_small"}],
        description="Quick look at the retina images",
        bases=(DerivaModelConfig,),
    ),
    name="retina_quick",
)
experiment_store(
    make_config(
        hydra_defaults=["_self_", {"override /model_config": "retina_large"}],
        description="The large model",
        bases=(DerivaModelConfig,),
    ),
    name="retina_large",
)
