"""``run_notebook``: called in a notebook's first cell, it provides the catalog, the execution and the configuration.

``dml run-notebook`` commits the outputs after the last cell. A notebook that is run by hand does that itself with
``execution.execution_stop()`` and ``execution.commit_output_assets()``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dml.errors import UsageError
from dml.experiment.catalog_config import open_catalog
from dml.experiment.notebook_configs import compose_notebook

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML

__all__ = ["CONFIG_DIRECTORY", "CONFIG_NAME", "DEFAULT_WORKFLOW_TYPE", "NOTEBOOK", "OVERRIDES", "run_notebook"]

NOTEBOOK: Final = "DERIVA_ML_NOTEBOOK_PATH"
OVERRIDES: Final = "DERIVA_ML_HYDRA_OVERRIDES"
SAVED: Final = "DERIVA_ML_SAVE_EXECUTION_RID"
CONFIG_DIRECTORY: Final = "DML_CONFIG_DIRECTORY"
CONFIG_NAME: Final = "DML_CONFIG_NAME"

DEFAULT_WORKFLOW_TYPE: Final = "Analysis Notebook"
"""The default workflow type of a notebook, as in deriva-ml; the term must be added to a catalog first."""


def run_notebook(
    config_name: str | None = None,
    overrides: Sequence[str] | None = None,
    workflow_name: str | None = None,
    workflow_type: str | Sequence[str] = DEFAULT_WORKFLOW_TYPE,
    ml_class: type[DerivaML] | None = None,
    config_package: str | None = None,
) -> tuple[DerivaML, Any, Any]:
    """Start the execution of this notebook. Writes the registry, the workspace and, except in a dry run, the catalog.

    Args:
        config_name: Name of the notebook's configuration; the name of the notebook when None.
        overrides: Hydra overrides; those of ``dml run-notebook`` are added after them.
        workflow_name: Name of the workflow; the name of the notebook when None.
        workflow_type: Terms of ``Workflow_Type``. Add the default term to the catalog first with
            ``dml vocab add Workflow_Type "Analysis Notebook" -d "…"``.
        ml_class: The class of the returned catalog; ``DerivaML`` when None.
        config_package: Name of the package of configuration modules; ``configs`` when None.

    Returns:
        The catalog, the running execution with its inputs downloaded, and the instantiated configuration.

    Raises:
        UsageError: The notebook cannot be identified, and no names are given.
        NotFoundError: The configuration, an input or a term does not exist.
    """
    from dml.execution.configuration import ExecutionConfiguration
    from dml.execution.workflow import Workflow
    from dml.workflow.notebook import running_notebook

    path = running_notebook(os.environ)
    name = config_name or os.environ.get(CONFIG_NAME) or (path.stem if path else None)
    if name is None or (path is None and workflow_name is None):
        raise UsageError(
            "the running notebook cannot be identified", hint="Use run_notebook(config_name=…, workflow_name=…)."
        )
    package = _package(config_package)
    all_overrides = [*(overrides or ()), *json.loads(os.environ.get(OVERRIDES) or "[]")]
    config = compose_notebook(name, all_overrides, config_package=package)
    ml = open_catalog(config.deriva_ml, ml_class)
    configuration = ExecutionConfiguration(
        workflow=Workflow(workflow_name or (path.stem if path else name), workflow_type, path=path),
        description=str(config.description or ""),
        datasets=list(config.datasets or ()),
        assets=list(config.assets or ()),
        config_choices=dict(config.config_choices),
    )
    execution = ml.create_execution(configuration, dry_run=bool(config.dry_run))
    if not config.dry_run:
        _save_directories(ml)
    execution.execution_start()
    return ml, execution, config


def _package(given: str | None) -> str:
    """The name of the configuration package, made importable."""
    directory = os.environ.get(CONFIG_DIRECTORY)
    if directory is None:
        return given or "configs"
    for path in (str(Path(directory).parent.parent), str(Path(directory).parent)):
        if path not in sys.path:
            sys.path.insert(0, path)
    return given or Path(directory).name


def _save_directories(ml: DerivaML) -> None:
    """Add the workspace and the cache to the file from which ``dml run-notebook`` reads the execution."""
    saved = os.environ.get(SAVED)
    if saved:
        document = json.loads(Path(saved).read_text(encoding="utf-8"))
        document |= {"working_dir": str(ml.working_dir), "cache_dir": str(ml.cache_dir)}
        Path(saved).write_text(json.dumps(document), encoding="utf-8")
