"""Named sweeps."""

from deriva_ml.execution import multirun_config

from configs.multirun_descriptions import LR_SWEEP

multirun_config(
    "lr_sweep",
    overrides=["+experiment=retina_quick", "model_config.learning_rate=0.0001,0.001,0.01,0.1"],
    description=LR_SWEEP,
)
multirun_config("quick_vs_large", overrides=["+experiment=retina_quick,retina_large"], description="Both")
