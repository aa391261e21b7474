"""The second step: split the images into training and testing, with every digit in proportion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dml.dataset.split import SamplingOptions, Split, split_dataset
from dml.demo.step import Step
from dml.execution.status import ExecutionStatus

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution

__all__ = ["STEP", "create", "split"]

STEP: Final = Step(
    "Split digits",
    "Dataset_Management",
    "Divides a dataset of digits for training and testing, stratified by digit.",
    __file__,
    resumable=True,
)

SHARES: Final = {"training": 0.8, "testing": 0.2}


def create(ml: DerivaML, digits: str) -> Execution:
    """Create the execution; its input is the dataset to split, ``RID@VERSION``."""
    return ml.create_execution(
        workflow=STEP.workflow(ml), datasets=[digits], description="Divide the digits, 4 to 1, by digit"
    )


def split(ml: DerivaML, execution: Execution) -> Split:
    """Split the dataset. The token names this execution, so a repeated call completes an interrupted one."""

    def create_split() -> Split:
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
            result = create_split()
    else:
        result = create_split()
    execution.commit_output_assets()
    return result
