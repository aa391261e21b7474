"""Checking configurations before an execution is made of them, as deriva-ml does; ``dml preflight`` checks more.

The work is done in ``dml.preflight``, which builds on this room: it is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dml.execution.configuration import ExecutionConfiguration

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.dataset.spec import DatasetSpec
    from dml.preflight.validation import DatasetSpecResult, ExecutionConfigurationValidationReport


def validate_execution_configuration(
    ml: DerivaML, config: ExecutionConfiguration | dict[str, Any]
) -> ExecutionConfigurationValidationReport:
    """Check a configuration's datasets, versions, assets and workflow against the catalog. Reads metadata only.

    Args:
        ml: Where.
        config: The configuration, or its JSON form.

    Raises:
        UsageError: The JSON form has unknown keys or malformed values.
        DmlError: The catalog could not be asked; that is never told as a missing row.
    """
    from dml.preflight.validation import validate_execution_configuration as validate

    given = config if isinstance(config, ExecutionConfiguration) else ExecutionConfiguration.from_mapping(config)
    return validate(ml, given)


def validate_dataset_specs(
    ml: DerivaML, specs: Iterable[DatasetSpec | str | dict[str, Any]]
) -> list[DatasetSpecResult]:
    """What was found about each of several datasets, in their order; ``valid`` says whether it can be used.

    Args:
        ml: Where.
        specs: Each a ``DatasetSpec``, ``RID``, ``RID@VERSION`` or a mapping.
    """
    report = ml.validate_execution_configuration(ExecutionConfiguration(datasets=list(specs)))  # type: ignore[arg-type]
    return list(report.dataset_results)
