"""Validate the inputs and the workflow of a configuration, with the result types of deriva-ml.

The facts are those of ``dml preflight``, in the form that programs written for deriva-ml expect.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.catalog.rows import locate
from dml.execution.catalog_facts import CatalogFacts, InputDetails, InputRows, requested_version
from dml.execution.configuration import AssetSpec, DatasetSpec, ExecutionConfiguration, LocalFile
from dml.execution.input_cache_tiers import CacheTiers
from dml.execution.requested_inputs import RequestedDataset, RequestedInputs

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML

__all__ = [
    "AssetSpecResult",
    "CrossSpecIssue",
    "DatasetSpecResult",
    "ExecutionConfigurationValidationReport",
    "WorkflowSpecResult",
    "validate_dataset_specs",
    "validate_execution_configuration",
]

_VERSIONS = 20


@dataclass(frozen=True)
class DatasetSpecResult:
    """The result for one dataset.

    Attributes:
        spec: The specification that was checked.
        valid: Whether it can be used in an execution.
        reasons: Why it is not valid, any of ``rid_not_found``, ``not_a_dataset``, ``version_not_found``.
        warnings: Any of ``dataset_deleted``.
        actual_table: The table of the row; None when the catalog has no such row.
        available_versions: The newest versions, at most 20, newest first.
        resolved_version: The version that the specification stands for; None when there is none.
        dataset_name: Description of the dataset.
    """

    spec: DatasetSpec
    valid: bool
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    actual_table: str | None = None
    available_versions: tuple[str, ...] = ()
    resolved_version: str | None = None
    dataset_name: str | None = None


@dataclass(frozen=True)
class AssetSpecResult:
    """The result for one asset or local file.

    Attributes:
        spec: The specification that was checked.
        valid: Whether it can be used in an execution.
        reasons: Why it is not valid, any of ``rid_not_found``, ``not_an_asset``, ``file_not_found``.
        actual_table: The table of the row; None when the catalog has no such row.
        asset_table: The same, if it is an asset table.
        filename: Name of the file.
    """

    spec: AssetSpec | LocalFile
    valid: bool
    reasons: tuple[str, ...] = ()
    actual_table: str | None = None
    asset_table: str | None = None
    filename: str | None = None


@dataclass(frozen=True)
class WorkflowSpecResult:
    """The result for a workflow that is given by RID.

    Attributes:
        workflow_rid: RID of the workflow.
        valid: Whether it can be used in an execution.
        reasons: Why it is not valid, any of ``rid_not_found``, ``not_a_workflow``.
        workflow_name: Name of the workflow.
    """

    workflow_rid: str
    valid: bool
    reasons: tuple[str, ...] = ()
    workflow_name: str | None = None


@dataclass(frozen=True)
class CrossSpecIssue:
    """Inputs of a configuration that conflict with each other.

    Attributes:
        kind: ``duplicate_rid``, ``version_conflict`` or ``role_conflict``.
        rids: RIDs of the inputs.
        detail: The conflict as a sentence.
    """

    kind: str
    rids: tuple[str, ...]
    detail: str


@dataclass(frozen=True)
class ExecutionConfigurationValidationReport:
    """The results for a whole configuration.

    Attributes:
        all_valid: Whether every input and the workflow is valid and no inputs conflict.
        dataset_results, asset_results: The results in the order of the configuration.
        workflow_result: The result for the workflow; None unless it is given by RID.
        cross_spec_issues: Conflicts between inputs.
    """

    all_valid: bool
    dataset_results: tuple[DatasetSpecResult, ...]
    asset_results: tuple[AssetSpecResult, ...]
    workflow_result: WorkflowSpecResult | None
    cross_spec_issues: tuple[CrossSpecIssue, ...]


def validate_execution_configuration(
    self: DerivaML, config: ExecutionConfiguration | dict[str, Any]
) -> ExecutionConfigurationValidationReport:
    """Check the inputs and the workflow of a configuration. Reads only; the number of requests is constant.

    Args:
        config: The configuration, or its JSON form. Its code is not checked.

    Raises:
        UsageError: The JSON form has unknown keys or malformed values.
        DmlError: The catalog could not be read; this is never reported as a missing row.
    """
    configuration = (
        config if isinstance(config, ExecutionConfiguration) else ExecutionConfiguration.from_mapping(config)
    )
    facts = CatalogFacts(self.catalog, RequestedInputs.of(configuration), CacheTiers(None))
    rows, details = facts.rows(), _locate_all(self, facts)
    datasets = tuple(_dataset(spec, rows, details) for spec in configuration.datasets)
    assets = tuple(_asset(spec, rows, details) for spec in configuration.assets)
    workflow = _workflow(self, configuration, rows)
    issues = cross_spec_issues(configuration)
    inputs_valid = all(dataset.valid for dataset in datasets) and all(asset.valid for asset in assets)
    valid = inputs_valid and (workflow is None or workflow.valid) and not issues
    return ExecutionConfigurationValidationReport(valid, datasets, assets, workflow, issues)


def validate_dataset_specs(
    self: DerivaML, specs: Iterable[DatasetSpec | str | dict[str, Any]]
) -> list[DatasetSpecResult]:
    """Check several datasets; the results are in their order.

    Args:
        specs: Each a ``DatasetSpec``, ``RID``, ``RID@VERSION`` or a mapping of the fields of ``DatasetSpec``.
    """
    report = self.validate_execution_configuration(ExecutionConfiguration(datasets=list(specs)))  # type: ignore[arg-type]
    return list(report.dataset_results)


def _locate_all(ml: DerivaML, facts: CatalogFacts) -> InputDetails:
    """The details with the location of every RID that was not found, not only of the first few."""
    rows, details = facts.rows(), facts.details()
    missing = [
        rid
        for rid in facts.named
        if rid not in rows.datasets and rid not in rows.assets and rid not in details.looked_up
    ]
    return replace(details, elsewhere={**details.elsewhere, **locate(ml.catalog, missing)})


def cross_spec_issues(configuration: ExecutionConfiguration) -> tuple[CrossSpecIssue, ...]:
    """The conflicts between the inputs of a configuration."""
    versions: dict[str, list[str]] = defaultdict(list)
    for dataset in configuration.datasets:
        versions[dataset.rid].append(str(dataset.version or "current"))
    issues = []
    for rid, named in versions.items():
        if len(set(named)) > 1:
            issues.append(CrossSpecIssue("version_conflict", (rid,), f"{rid} is listed in versions {', '.join(named)}"))
        elif len(named) > 1:
            issues.append(CrossSpecIssue("duplicate_rid", (rid,), f"{rid} is listed {len(named)} times"))
    for rid in sorted(versions.keys() & {asset.rid for asset in configuration.asset_specs}):
        issues.append(CrossSpecIssue("role_conflict", (rid,), f"{rid} is listed both as a dataset and as an asset"))
    return tuple(issues)


def _dataset(spec: DatasetSpec, rows: InputRows, details: InputDetails) -> DatasetSpecResult:
    row = rows.datasets.get(spec.rid)
    if row is None:
        table = _table_of(spec.rid, rows, details)
        return DatasetSpecResult(spec, False, ("not_a_dataset" if table else "rid_not_found",), actual_table=table)
    version = requested_version(RequestedDataset.of(spec), row)
    return DatasetSpecResult(
        spec,
        valid=version is not None,
        reasons=() if version is not None else ("version_not_found",),
        warnings=("dataset_deleted",) if row.deleted else (),
        actual_table="Dataset",
        available_versions=tuple(version.text for version in row.versions[:_VERSIONS]),
        resolved_version=version.text if version else None,
        dataset_name=row.description,
    )


def _asset(spec: AssetSpec | LocalFile, rows: InputRows, details: InputDetails) -> AssetSpecResult:
    if isinstance(spec, LocalFile):
        exists = Path(spec.path).expanduser().is_file()
        return AssetSpecResult(spec, exists, () if exists else ("file_not_found",), filename=Path(spec.path).name)
    asset = rows.assets.get(spec.rid)
    if asset is None:
        table = _table_of(spec.rid, rows, details)
        return AssetSpecResult(spec, False, ("not_an_asset" if table else "rid_not_found",), actual_table=table)
    name = asset.table.name
    return AssetSpecResult(
        spec, True, actual_table=name, asset_table=name, filename=str(asset.row.get("Filename") or "") or None
    )


def _table_of(rid: str, rows: InputRows, details: InputDetails) -> str | None:
    if rid in rows.assets:
        return rows.assets[rid].table.name
    if rid in rows.datasets:
        return "Dataset"
    location = details.elsewhere.get(rid)
    return location.table if location is not None and not location.deleted else None


def _workflow(ml: DerivaML, configuration: ExecutionConfiguration, rows: InputRows) -> WorkflowSpecResult | None:
    rid = configuration.workflow.workflow_rid if configuration.workflow else None
    if not rid:
        return None
    if rows.workflow is not None:
        return WorkflowSpecResult(rid, True, workflow_name=str(rows.workflow.get("Name") or ""))
    location = locate(ml.catalog, [rid]).get(rid)
    reason = "rid_not_found" if location is None or location.deleted else "not_a_workflow"
    return WorkflowSpecResult(rid, False, (reason,))
