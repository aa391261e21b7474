"""What the code does."""

from deriva_ml.execution import Workflow
from hydra_zen import builds, store

workflow_store = store(group="workflow")
workflow_store(
    builds(
        Workflow,
        name="Retina classifier",
        workflow_type=["Training"],
        description="A small classifier of retina images",
        populate_full_signature=True,
    ),
    name="default_workflow",
)
