"""The third step: train a classifier on the training images, and record its metrics after each epoch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from dml.dataset.bag import newest
from dml.demo.digits import read_images
from dml.demo.network import train
from dml.demo.step import Step
from dml.execution.status import ExecutionStatus

if TYPE_CHECKING:
    import numpy as np

    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution
    from dml.dataset.bag import DatasetBag

__all__ = ["MODEL", "STEP", "create", "labelled_images", "train_model"]

STEP: Final = Step("Train digit classifier", "Training", "Trains a small neural network on images of digits.", __file__)

MODEL: Final = "digit_classifier.npz"
EPOCHS: Final = 20
SEED: Final = 1


def create(ml: DerivaML, training: str) -> Execution:
    """Create the execution; its input is the training dataset, ``RID@VERSION``."""
    return ml.create_execution(
        workflow=STEP.workflow(ml),
        datasets=[training],
        description=f"Train for {EPOCHS} epochs, one hidden layer of 64",
    )


def train_model(execution: Execution) -> None:
    """Train the model and upload it with its metrics."""
    if execution.status == ExecutionStatus.CREATED:
        with execution:
            bag = execution.download_dataset_bag(execution.datasets[0])
            images, digits, _ = labelled_images(bag)
            with execution.metrics_file().open("w", encoding="utf-8") as metrics:
                for epoch in train(images, digits, epochs=EPOCHS, seed=SEED):
                    line = {"epoch": epoch.number, "loss": epoch.loss, "accuracy": epoch.accuracy}
                    metrics.write(json.dumps(line) + "\n")
            execution.update_status("Running", f"epoch {epoch.number}, loss {epoch.loss:.3f}")
            model = execution.asset_file_path(
                "Execution_Asset", MODEL, asset_types=["Model_File"], description="Weights of the trained network"
            )
            epoch.network.save(model)
    execution.commit_output_assets()


def labelled_images(bag: DatasetBag) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The images of a bag as rows of pixels, their digits, and their RIDs."""
    import numpy as np

    members = bag.list_dataset_members()["digits:Image"]
    labels = {
        value.target: int(value.values["Digit"]) for value in bag.feature_values("Image", "Digit", selector=newest)
    }
    pixels = read_images([bag.asset_path("Image", row) for row in members])
    return pixels, np.array([labels[row["RID"]] for row in members]), [row["RID"] for row in members]
