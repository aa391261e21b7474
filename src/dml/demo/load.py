"""The first step: images and labels come into the catalog, and a dataset of all of them is released."""

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
    """The execution: its input is the file of scikit-learn that holds the images."""
    return ml.create_execution(
        workflow=STEP.workflow(ml),
        assets=[LocalFile(str(source_file()))],
        description=f"Load {images} images of handwritten digits with their labels",
    )


def load(ml: DerivaML, execution: Execution, images: int = IMAGES, watch: ProgressCallback | None = None) -> None:
    """Stage the images and upload them, label what the catalog has made rows of, and release a dataset of them.

    What an interrupted call has done already is not done again.
    """
    found = digits(images)
    if execution.status == ExecutionStatus.CREATED:
        with execution:
            for digit in found:
                digit.save(execution.asset_file_path("Image", digit.filename, asset_types=["Image"]))
    execution.commit_output_assets(progress_callback=watch)

    rids = outputs_of(ml, execution, "Image")
    if len(rids) < images:
        return  # somebody uploaded an interrupted run as it was: there is nothing to go on with
    if count(ml.catalog, f"{SCHEMA}:Execution_Image_Digit", {"Execution": execution.execution_rid}) < images:
        label = ml.feature_record_class("Image", "Digit")
        execution.add_features([label(Image=rids[digit.filename], Digit=digit.label) for digit in found])
        execution.commit_output_assets(progress_callback=watch)
    create_dataset(
        ml.catalog,
        description=f"Handwritten digits, {images} images",
        types=["Complete", "Labeled"],
        members={"Image": rids.values()},
        execution=execution.execution_rid,
        version="1.0.0",
        token=f"dml-demo/{execution.execution_rid}/digits",
    )
