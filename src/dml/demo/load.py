"""The first step: upload images and labels to the catalog, and release a dataset of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dml.catalog.rows import count
from dml.dataset.curation import create_dataset
from dml.demo.digits import IMAGES, digits, source_file
from dml.demo.domain import SCHEMA
from dml.demo.step import Step, outputs_of
from dml.execution.configuration import LocalFile
from dml.execution.status import ExecutionStatus

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.api.execution import Execution
    from dml.upload.observer import ProgressCallback

__all__ = ["STEP", "create", "load"]

STEP: Final = Step(
    "Load digits", "Ingest", "Brings scikit-learn's handwritten digits into the catalog, with labels.", __file__
)


def create(ml: DerivaML, images: int = IMAGES) -> Execution:
    """Create the execution; its input is the file in scikit-learn that contains the images."""
    return ml.create_execution(
        workflow=STEP.workflow(ml),
        assets=[LocalFile(str(source_file()))],
        description=f"Load {images} images of handwritten digits with their labels",
    )


def load(ml: DerivaML, execution: Execution, images: int = IMAGES, on_progress: ProgressCallback | None = None) -> None:
    """Upload the images, label their rows in the catalog, and release a dataset of them.

    A repeated call completes an interrupted one without repeating what is done.
    """
    samples = digits(images)
    if execution.status == ExecutionStatus.CREATED:
        with execution:
            for digit in samples:
                digit.save(execution.asset_file_path("Image", digit.filename, asset_types=["Image"]))
    execution.commit_output_assets(progress_callback=on_progress)

    rids = outputs_of(ml, execution, "Image")
    if len(rids) < images:
        return  # an interrupted run was uploaded incomplete by other means and cannot be continued
    if count(ml.catalog, f"{SCHEMA}:Execution_Image_Digit", {"Execution": execution.execution_rid}) < images:
        label = ml.feature_record_class("Image", "Digit")
        execution.add_features([label(Image=rids[digit.filename], Digit=digit.label) for digit in samples])
        execution.commit_output_assets(progress_callback=on_progress)
    create_dataset(
        ml.catalog,
        description=f"Handwritten digits, {images} images",
        types=["Complete", "Labeled"],
        members={"Image": rids.values()},
        execution=execution.execution_rid,
        version="1.0.0",
        token=f"dml-demo/{execution.execution_rid}/digits",
    )
