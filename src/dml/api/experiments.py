"""Experiments: executions that a configuration was composed for, with what was chosen in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml import directories
from dml.api.execution_record import ExecutionRecord, InputDataset, lookup_execution, record_of
from dml.asset.execution_edges import AssetEdge
from dml.catalog.objects import download
from dml.catalog.rows import read
from dml.catalog.schema import EXECUTION
from dml.catalog.url import condition, table_path
from dml.errors import NotFoundError
from dml.workspace.scratch import Scratch, scratch_below

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["Experiment", "find_experiments", "lookup_experiment"]

_CONFIGURATION = "configuration.json"
_METADATA = "deriva-ml:Execution_Metadata"


@dataclass(frozen=True)
class Experiment:
    """An execution with the configuration that was kept with it.

    Attributes:
        execution: Its record.
        config_choices: Hydra group → option.
        configuration: The whole configuration, JSON; empty where none was kept.
        inputs: The assets it read.
        outputs: The assets it wrote, metadata aside.
        input_datasets: The datasets it read.
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
        """The experiment chosen, else the model's configuration, else the execution's RID."""
        return self.config_choices.get("experiment") or self.config_choices.get("model_config") or self.execution_rid

    def summary(self) -> dict[str, Any]:
        """The experiment as JSON values."""
        return {
            "name": self.name,
            "execution_rid": self.execution_rid,
            "description": self.execution.description,
            "status": self.execution.status,
            "config_choices": dict(self.config_choices),
            "input_datasets": [{"rid": one.dataset_rid, "version": one.version} for one in self.input_datasets],
            "input_assets": [{"rid": one.rid, "filename": one.filename} for one in self.inputs],
            "output_assets": [{"rid": one.rid, "filename": one.filename} for one in self.outputs],
        }


def lookup_experiment(catalog: Catalog, rid: str) -> Experiment:
    """The experiment of an execution. Reads its rows and the configuration file that was kept with it.

    Raises:
        NotFoundError: There is no such execution.
        IntegrityError: The configuration's bytes are not those the catalog describes.
    """
    record = lookup_execution(catalog, rid)
    assets = record.list_assets()
    configuration = _configuration(catalog, assets)
    choices = configuration.get("config_choices")
    return Experiment(
        execution=record,
        config_choices={str(k): str(v) for k, v in choices.items()} if isinstance(choices, dict) else {},
        configuration=configuration,
        inputs=tuple(one for one in assets if one.role == "Input"),
        outputs=tuple(one for one in assets if one.role == "Output" and one.table != _METADATA),
        input_datasets=tuple(record.list_input_datasets()),
    )


def find_experiments(
    catalog: Catalog, *, workflow_rid: str | None = None, status: str | Sequence[str] | None = None
) -> list[ExecutionRecord]:
    """The executions that Hydra configurations were kept with, the oldest first; one request.

    Args:
        catalog: Where.
        workflow_rid: Only of this workflow.
        status: Only in this status, or one of these.
    """
    wanted = None if status is None else {status} if isinstance(status, str) else set(status)
    path = "/".join(
        [
            f"/entity/{table_path('deriva-ml:Execution_Metadata_Asset_Type')}",
            condition("Asset_Type", ["Hydra_Config"]),
            f"(Execution_Metadata)=({table_path('deriva-ml:Execution_Metadata_Execution')}:Execution_Metadata)",
            f"(Execution)=({table_path(EXECUTION)}:RID)",
        ]
    )
    found = [record_of(catalog, row) for row in read(catalog, path)]
    return sorted(
        (one for one in found if workflow_rid in (None, one.workflow_rid) and (wanted is None or one.status in wanted)),
        key=lambda one: (one.created, one.execution_rid),
    )


def _configuration(catalog: Catalog, assets: Sequence[AssetEdge]) -> dict[str, Any]:
    kept = [one for one in assets if one.table == _METADATA and one.filename == _CONFIGURATION]
    if not kept:
        return {}
    with Scratch(scratch_below(directories.cache_directory()), "configuration") as directory:
        place = directory / _CONFIGURATION
        try:
            download(catalog, kept[0].url, place, length=kept[0].length, md5_hex=kept[0].md5)
        except NotFoundError:
            return {}
        try:
            document = json.loads(place.read_text(encoding="utf-8"))
        except ValueError:
            return {}
    return document if isinstance(document, dict) else {}
