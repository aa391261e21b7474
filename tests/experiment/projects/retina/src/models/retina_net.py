"""A model that learns nothing and says how well."""

import json
from pathlib import Path


def train(
    learning_rate: float = 0.001,
    epochs: int = 2,
    hidden: int = 16,
    fail_at: float = -1.0,
    dry_run: bool = False,
    ml_instance=None,
    execution=None,
):
    """Write weights and metrics; fail at one learning rate when told to."""
    weights = execution.asset_file_path("Execution_Asset", "weights.json", asset_types="Model_File")
    Path(weights).write_text(json.dumps({"learning_rate": learning_rate, "epochs": epochs, "hidden": hidden}))
    if learning_rate == fail_at:
        raise ValueError(f"NaN loss at learning rate {learning_rate}")
    return None if dry_run else epochs
