"""The second step: the images are divided for training and testing, the ten digits in proportion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dml.dataset.split import SamplingOptions, Split, split_dataset
from dml.demo.step import Step
from dml.execution.status import ExecutionStatus

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution

__all__ = ["STEP", "create", "divide"]

STEP: Final = Step(
    "Split digits",
    "Dataset_Management",
    "Divides a dataset of digits for training and testing, stratified by digit.",
    __file__,
    resumable=True,
)

SHARES: Final = {"training": 0.8, "testing": 0.2}


def create(ml: DerivaML, digits: str) -> Execution:
    """The execution: its input is the dataset to divide, ``RID@VERSION``."""
    return ml.create_execution(
        workflow=STEP.workflow(ml), datasets=[digits], description="Divide the digits, 4 to 1, by digit"
    )


def divide(ml: DerivaML, execution: Execution) -> Split:
    """Make the split; under tokens of this execution, so that a repeat completes it."""

    def split() -> Split:
        return split_dataset(
            ml.catalog,
            execution.datasets[0],
            SHARES,
            SamplingOptions(seed=7, stratify_by="Digit"),
            description="Handwritten digits",
            execution=execution.execution_rid,
            version="1.0.0",
            token=f"dml-demo/{execution.execution_rid}",
        )

    if execution.status == ExecutionStatus.CREATED:
        with execution:
            made = split()
    else:
        made = split()
    execution.commit_output_assets()
    return made
