"""The last step: download the trained model from the catalog and test it on images that it has not seen."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dml.demo.network import Network
from dml.demo.step import Step
from dml.demo.train import labelled_images
from dml.errors import DmlError
from dml.execution.status import ExecutionStatus

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution

__all__ = ["PREDICTIONS", "STEP", "accuracy_of", "create", "evaluate"]

STEP: Final = Step("Evaluate digit classifier", "Testing", "Predicts the digits of held-out images.", __file__)

PREDICTIONS: Final = "predictions.csv"
EXPECTED: Final = 0.9
"""The lowest accuracy that is not a sign of a defect."""


def create(ml: DerivaML, testing: str) -> Execution:
    """Create the execution; its input is the testing dataset, ``RID@VERSION``, and the model is downloaded later."""
    return ml.create_execution(
        workflow=STEP.workflow(ml), datasets=[testing], description="Predict the digits of the held-out images"
    )


def evaluate(execution: Execution, model: str) -> None:
    """Download the model by its RID, predict, and upload the predictions and the accuracy.

    Raises:
        DmlError: The accuracy is lower than expected.
    """
    if execution.status == ExecutionStatus.CREATED:
        with execution:
            network = Network.load(execution.download_asset(model))
            bag = execution.download_dataset_bag(execution.datasets[0])
            images, digits, rids = labelled_images(bag)
            predicted = network.predict(images)
            path = execution.asset_file_path(
                "Execution_Asset",
                PREDICTIONS,
                asset_types=["Output_File"],
                description="The digit predicted for each image",
            )
            _write(path, [*zip(rids, digits.tolist(), predicted.tolist(), strict=True)])
            accuracy = accuracy_of(path)
            execution.metrics_file("evaluation.jsonl").write_text(json.dumps({"accuracy": accuracy}) + "\n")
            execution.update_status("Running", f"accuracy {accuracy:.3f} on {len(rids)} images")
            if accuracy < EXPECTED:
                raise DmlError(f"the classifier reached an accuracy of only {accuracy:.3f}")
    execution.commit_output_assets()


def accuracy_of(path: Path) -> float:
    """The fraction of correct predictions in a file of predictions."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    correct: int = sum(row["Digit"] == row["Predicted"] for row in rows)
    return correct / len(rows)


def _write(path: Path, rows: list[tuple[str, int, int]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["Image", "Digit", "Predicted"])
        writer.writerows(rows)
