"""``DerivaMLConfig``: the catalog of a configuration, with the same fields as in deriva-ml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML

__all__ = ["DerivaMLConfig", "open_catalog"]


@dataclass
class DerivaMLConfig:
    """A catalog and its workspace; the config group ``deriva_ml``.

    Attributes:
        hostname: The server; ``local`` stands for the embedded catalogs. When None, dml's settings choose the catalog.
        catalog_id: Number or alias of the catalog.
        domain_schemas, default_schema, project_name, ml_schema, logging_level, deriva_logging_level, s3_bucket,
            use_minid, mode: The same as the arguments of ``DerivaML``.
        cache_dir: Directory of the cache; ``cache`` in the workspace when None.
        working_dir: The workspace; ``~/.deriva-ml/HOST/CATALOG`` when None.
        hydra_runtime_output_dir: Hydra's output directory; that of the running job when None.
        credential: Credential as deriva takes it; read from its credential file when None.
        clean_execution_dir: Whether local files are removed once the catalog has confirmed them.
    """

    hostname: str | None = None
    catalog_id: Any = 1
    domain_schemas: Any = None
    default_schema: str | None = None
    project_name: str | None = None
    cache_dir: Any = None
    working_dir: Any = None
    hydra_runtime_output_dir: Any = None
    ml_schema: str = "deriva-ml"
    logging_level: Any = None
    deriva_logging_level: Any = None
    credential: Any = None
    s3_bucket: str | None = None
    use_minid: bool | None = None
    clean_execution_dir: bool = False
    mode: Any = None


def open_catalog(config: DerivaMLConfig, ml_class: type[DerivaML] | None = None) -> DerivaML:
    """The ``DerivaML`` of a configuration; sends no request.

    Args:
        config: The catalog; without a host name, dml's settings choose it.
        ml_class: The class to create; ``DerivaML`` when None.

    Raises:
        UsageError: No catalog is selected, or its name is malformed.
    """
    from dml.api.deriva_ml import DerivaML

    hydra_directory = config.hydra_runtime_output_dir or _hydra_directory()
    return (ml_class or DerivaML).instantiate({**vars(config), "hydra_runtime_output_dir": hydra_directory})


def _hydra_directory() -> str | None:
    """The output directory of the running Hydra job; None outside a job."""
    from hydra.core.hydra_config import HydraConfig

    return str(HydraConfig.get().runtime.output_dir) if HydraConfig.initialized() else None
