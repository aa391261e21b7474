"""``run_notebook``: called in a notebook's first cell, it gives the notebook its catalog, execution and configuration.

``dml run-notebook`` commits the outputs when the notebook has run; opened by hand, it does so itself with
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
"""The type of a notebook's workflow when it gives none, as in deriva-ml; a catalog has to be given this term."""


def run_notebook(
    config_name: str | None = None,
    overrides: Sequence[str] | None = None,
    workflow_name: str | None = None,
    workflow_type: str | Sequence[str] = DEFAULT_WORKFLOW_TYPE,
    ml_class: type[DerivaML] | None = None,
    config_package: str | None = None,
) -> tuple[DerivaML, Any, Any]:
    """Begin the execution of this notebook. Writes registry, workspace and catalog; a dry run writes no catalog.

    Args:
        config_name: The notebook's configuration; the notebook's own name when None.
        overrides: Hydra's overrides; those of ``dml run-notebook`` come after them.
        workflow_name: Name of the workflow; the notebook's own name when None.
        workflow_type: Terms of ``Workflow_Type``. No catalog is made with that of the default:
            ``dml vocab add Workflow_Type "Analysis Notebook" -d "…"`` adds it.
        ml_class: A subclass of ``DerivaML``.
        config_package: The package of configurations; ``configs`` when None.

    Returns:
        The catalog, the running execution with its inputs fetched, and the instantiated configuration.

    Raises:
        UsageError: Which notebook this is cannot be told, and no names are given.
        NotFoundError: There is no such configuration, input or term.
    """
    from dml.execution.configuration import ExecutionConfiguration
    from dml.execution.workflow import Workflow
    from dml.workflow.notebook import running_notebook

    path = running_notebook(os.environ)
    name = config_name or os.environ.get(CONFIG_NAME) or (path.stem if path else None)
    if name is None or (path is None and workflow_name is None):
        raise UsageError(
            "Which notebook this is cannot be told", hint="Give run_notebook(config_name=…, workflow_name=…)."
        )
    package = _package(config_package)
    chosen = [*(overrides or ()), *json.loads(os.environ.get(OVERRIDES) or "[]")]
    config = compose_notebook(name, chosen, config_package=package)
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
        _tell_where(ml)
    execution.execution_start()
    return ml, execution, config


def _package(given: str | None) -> str:
    """The package to load, importable from here."""
    directory = os.environ.get(CONFIG_DIRECTORY)
    if directory is None:
        return given or "configs"
    for place in (Path(directory).parent.parent, Path(directory).parent):
        if str(place) not in sys.path:
            sys.path.insert(0, str(place))
    return given or Path(directory).name


def _tell_where(ml: DerivaML) -> None:
    """Add the workspace to what ``dml run-notebook`` is told about the execution."""
    saved = os.environ.get(SAVED)
    if saved:
        document = json.loads(Path(saved).read_text(encoding="utf-8"))
        document |= {"working_dir": str(ml.working_dir), "cache_dir": str(ml.cache_dir)}
        Path(saved).write_text(json.dumps(document), encoding="utf-8")
