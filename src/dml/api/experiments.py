"""Experiments: executions that were started from a Hydra configuration, with the options chosen in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml import directories
from dml.api.execution_record import ExecutionRecord, InputDataset, lookup_execution, records_of
from dml.asset.execution_edges import AssetEdge
from dml.catalog.objects import download
from dml.catalog.rows import read
from dml.catalog.schema import EXECUTION
from dml.catalog.url import condition, table_path
from dml.errors import NotFoundError
from dml.workspace.scratch import ScratchDirectory, scratch_root

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Experiment", "find_experiments", "lookup_experiment"]

_CONFIGURATION = "configuration.json"
_METADATA = "deriva-ml:Execution_Metadata"


@dataclass(frozen=True)
class Experiment:
    """An execution with its stored Hydra configuration.

    Attributes:
        execution: The execution's record.
        config_choices: The option chosen for each Hydra config group.
        configuration: The whole configuration as JSON values; empty when none is stored.
        inputs: The assets that the execution read.
        outputs: The assets that it wrote, without its metadata files.
        input_datasets: The datasets that it read.
    """

    execution: ExecutionRecord
    config_choices: Mapping[str, str]
    configuration: Mapping[str, Any]
    inputs: tuple[AssetEdge, ...]
    outputs: tuple[AssetEdge, ...]
    input_datasets: tuple[InputDataset, ...]

    @property
    def execution_rid(self) -> str:
        """RID of the execution."""
        return self.execution.execution_rid

    @property
    def name(self) -> str:
        """The chosen experiment, or the chosen model configuration, or the RID of the execution."""
        return self.config_choices.get("experiment") or self.config_choices.get("model_config") or self.execution_rid

    def summary(self) -> dict[str, Any]:
        """The experiment as JSON values."""
        return {
            "name": self.name,
            "execution_rid": self.execution_rid,
            "description": self.execution.description,
            "status": self.execution.status,
            "config_choices": dict(self.config_choices),
            "input_datasets": [{"rid": item.dataset_rid, "version": item.version} for item in self.input_datasets],
            "input_assets": [{"rid": item.rid, "filename": item.filename} for item in self.inputs],
            "output_assets": [{"rid": item.rid, "filename": item.filename} for item in self.outputs],
        }


def lookup_experiment(catalog: Catalog, rid: str) -> Experiment:
    """The experiment of an execution. Downloads the stored configuration file.

    Raises:
        NotFoundError: The catalog has no such execution.
        IntegrityError: The configuration file does not match its checksum in the catalog.
    """
    record = lookup_execution(catalog, rid)
    assets = record.list_assets()
    configuration = _configuration(catalog, assets)
    choices = configuration.get("config_choices")
    return Experiment(
        execution=record,
        config_choices={str(k): str(v) for k, v in choices.items()} if isinstance(choices, dict) else {},
        configuration=configuration,
        inputs=tuple(asset for asset in assets if asset.role == "Input"),
        outputs=tuple(asset for asset in assets if asset.role == "Output" and asset.table != _METADATA),
        input_datasets=tuple(record.list_input_datasets()),
    )


def find_experiments(
    catalog: Catalog, *, workflow_rid: str | None = None, status: str | Sequence[str] | None = None
) -> list[ExecutionRecord]:
    """The executions that have a stored Hydra configuration, oldest first; one request.

    Args:
        catalog: The catalog to search.
        workflow_rid: Executions of this workflow.
        status: Executions in this status, or in any of several.
    """
    statuses = None if status is None else {status} if isinstance(status, str) else set(status)
    path = "/".join(
        [
            f"/entity/{table_path('deriva-ml:Execution_Metadata_Asset_Type')}",
            condition("Asset_Type", ["Hydra_Config"]),
            f"(Execution_Metadata)=({table_path('deriva-ml:Execution_Metadata_Execution')}:Execution_Metadata)",
            f"(Execution)=({table_path(EXECUTION)}:RID)",
        ]
    )
    return [
        record
        for record in records_of(catalog, read(catalog, path))
        if workflow_rid in (None, record.workflow_rid) and (statuses is None or record.status in statuses)
    ]


def _configuration(catalog: Catalog, assets: Sequence[AssetEdge]) -> dict[str, Any]:
    files = [asset for asset in assets if asset.table == _METADATA and asset.filename == _CONFIGURATION]
    if not files:
        return {}
    with ScratchDirectory(scratch_root(directories.cache_directory()), "configuration") as directory:
        path = directory / _CONFIGURATION
        try:
            download(catalog, files[0].url, path, length=files[0].length, md5_hex=files[0].md5)
        except NotFoundError:
            return {}
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            return {}
    return document if isinstance(document, dict) else {}
