"""The tables, terms and sentinel rows of the ``deriva-ml`` schema, as in deriva-ml 1.54."""

from __future__ import annotations

from collections.abc import Mapping

from dml.catalog.definitions import asset_associations
from dml.catalog.documents import (
    NO_ACTION,
    ColumnDefinition,
    Document,
    asset_document,
    association_document,
    reference,
    table_document,
    vocabulary_document,
)
from dml.catalog.model import ForeignKey
from dml.catalog.schema import DATASET, EXECUTION, ML, WORKFLOW

VERSION = f"{ML}:Dataset_Version"

CURRENT_VERSION = reference("Version", VERSION)
"""The foreign key Dataset.Version; datasets and versions refer to each other, so it is created last."""

TERMS: Mapping[str, Mapping[str, str]] = {
    f"{ML}:Asset_Role": {
        "Input": "Read by the execution",
        "Output": "Written by the execution",
    },
    f"{ML}:Asset_Type": {
        "Execution_Config": "Configuration of an execution",
        "Runtime_Env": "Environment in which an execution ran",
        "Hydra_Config": "Configuration composed by Hydra",
        "Deriva_Config": "Configuration of the DERIVA connection",
        "Metrics_File": "Measured values of a run",
        "Execution_Metadata": "File that describes an execution",
        "Execution_Asset": "File made by an execution",
        "File": "File known by reference",
        "Input_File": "File read by an execution",
        "Output_File": "File written by an execution",
        "Model_File": "Trained model",
        "Notebook_Output": "Notebook as it was run",
    },
    f"{ML}:Dataset_Type": {
        "Complete": "Everything there is",
        "File": "Made of files",
        "Directory": "Made from a directory",
        "Training": "To train with",
        "Testing": "To test with",
        "Validation": "To validate with",
        "Split": "Divided into parts",
        "Labeled": "With labels",
        "Unlabeled": "Without labels",
    },
    f"{ML}:Workflow_Type": {
        "Training": "Trains a model",
        "Testing": "Tests a model",
        "Prediction": "Predicts with a model",
        "Feature_Creation": "Computes features",
        "Visualization": "Draws",
        "Analysis": "Analyses results",
        "Ingest": "Brings data into the catalog",
        "Data_Cleaning": "Corrects or removes data",
        "Dataset_Management": "Makes, divides or releases datasets",
    },
    f"{ML}:Execution_Status": {
        "Created": "Known to the catalog, not started",
        "Running": "At work",
        "Stopped": "Ended, outputs not yet sent",
        "Failed": "Ended with an error",
        "Pending_Upload": "Outputs are being sent",
        "Uploaded": "All outputs are in the catalog",
        "Aborted": "Given up",
    },
}

UNKNOWN_WORKFLOW = {
    "Name": "Unknown Provenance",
    "Description": "Stands for a workflow that nobody recorded",
    "URL": "tag:deriva-ml,unknown-provenance:workflow",
    "Checksum": "0" * 40,
}
UNKNOWN_FILE = {
    "URL": "tag:deriva-ml,unknown-provenance:file",
    "Filename": "unknown-provenance",
    "Description": "Stands for a file of unknown origin",
    "MD5": "0" * 32,
    "Length": 0,
}
UNKNOWN_EXECUTION = {
    "Description": "deriva-ml unknown-provenance sentinel execution",
    "Status": "Aborted",
}


def tables(project_name: str) -> list[Document]:
    """All tables, each after those that it refers to, except by ``CURRENT_VERSION``.

    Args:
        project_name: The prefix of the terms' compact URIs.
    """
    vocabularies = [
        vocabulary_document(f"{ML}:{name}", ML if name == "Workflow_Type" else project_name)
        for name in ("Feature_Name", "Asset_Type", "Asset_Role", "Execution_Status", "Dataset_Type", "Workflow_Type")
    ]
    return [*vocabularies, *_workflow(), *_execution(), *_dataset(), *_assets(), _pair("Dataset", "File")]


def _own(*names: str) -> list[ColumnDefinition]:
    """Columns of type ``text``, or ``markdown`` for Description."""
    return [ColumnDefinition(name, "markdown" if name == "Description" else "text") for name in names]


def _plain_reference(column: str, table: str, referenced: str = "RID") -> ForeignKey:
    return reference(column, table, referenced, on_delete=NO_ACTION, on_update=NO_ACTION)


def _pair(first: str, second: str, referenced: str = "RID") -> Document:
    sides = [reference(first, f"{ML}:{first}"), reference(second, f"{ML}:{second}", referenced)]
    return association_document(f"{ML}:{first}_{second}", sides)


def _workflow() -> list[Document]:
    name, description, checksum, version = _own("Name", "Description", "Checksum", "Version")
    columns = [name, description, ColumnDefinition("URL", "ermrest_uri"), checksum, version]
    return [table_document(WORKFLOW, columns), _pair("Workflow", "Workflow_Type", "Name")]


def _execution() -> list[Document]:
    durations = ("Execution_Duration", "Download_Duration", "Upload_Duration")
    execution = table_document(
        EXECUTION,
        _own("Workflow", "Description", *durations, "Status", "Status_Detail"),
        foreign_keys=[
            _plain_reference("Workflow", WORKFLOW),
            _plain_reference("Status", f"{ML}:Execution_Status", "Name"),
        ],
    )
    nesting = association_document(
        f"{ML}:Execution_Execution",
        [reference("Execution", EXECUTION), reference("Nested_Execution", EXECUTION)],
        columns=[ColumnDefinition("Sequence", "int4", comment="Order among the children; null if parallel")],
    )
    return [execution, nesting]


def _dataset() -> list[Document]:
    dataset = table_document(
        DATASET,
        [*_own("Description"), ColumnDefinition("Deleted", "boolean"), *_own("Version")],
    )
    version = table_document(
        VERSION,
        [
            ColumnDefinition("Version", "text", default="0.1.0"),
            *_own("Description", "Dataset", "Execution", "Minid", "Minid_Spec_Hash", "Snapshot"),
        ],
        [("Dataset", "Version")],
        [_plain_reference("Dataset", DATASET), _plain_reference("Execution", EXECUTION)],
    )
    nesting = association_document(
        f"{ML}:Dataset_Dataset", [reference("Dataset", DATASET), reference("Nested_Dataset", DATASET)]
    )
    inputs = association_document(
        f"{ML}:Dataset_Execution",
        [reference("Dataset", DATASET), reference("Execution", EXECUTION)],
        columns=_own("Dataset_Version"),
        foreign_keys=[reference("Dataset_Version", VERSION)],
    )
    directory = table_document(
        f"{ML}:Directory_Dataset",
        _own("Dataset", "Path"),
        [("Dataset",)],
        [_plain_reference("Dataset", DATASET)],
    )
    return [dataset, version, _pair("Dataset", "Dataset_Type", "Name"), nesting, inputs, directory]


def _assets() -> list[Document]:
    file_pattern = "/hatrac/{{$catalog.id}}/deriva-ml/File/{{{MD5}}}.{{#encode}}{{{Filename}}}{{/encode}}"
    made = [
        asset_document(f"{ML}:Execution_Metadata", comment="Files that describe executions"),
        asset_document(f"{ML}:Execution_Asset", comment="Files made by executions"),
        asset_document(f"{ML}:File", comment="Files known by reference", url_pattern=file_pattern),
    ]
    for name in ("Execution_Metadata", "Execution_Asset", "File"):
        made += asset_associations(f"{ML}:{name}")
    return made
