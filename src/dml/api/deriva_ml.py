"""The class ``DerivaML``: its catalog and workspace. Its other methods are bound from the modules of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.api import (
    assets,
    catalog_executions,
    datasets,
    executions,
    features,
    rids,
    schema_pins,
    storage,
    validation,
    vocabularies,
    workflows,
)
from dml.api.offline import offline_transport, parse_mode, set_log_levels
from dml.errors import ConflictError, UsageError
from dml.target import Target
from dml.workspace.session import WorkspaceSession

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

    from dml.catalog.connection import Catalog, Identity

__all__ = ["DerivaML"]


class DerivaML:
    """A catalog with its workspace. Creating one sends no request.

    Args:
        hostname: The server; ``local`` stands for the embedded catalogs.
        catalog_id: Number or alias of the catalog.
        domain_schemas: The domain schemas; a single one becomes the default schema. They are otherwise read from the
            catalog.
        default_schema: Schema of tables that are given without one; the catalog's only domain schema when None.
        project_name: Accepted for compatibility with deriva-ml; not used.
        cache_dir: Directory of the cache; ``cache`` in the workspace when None.
        working_dir: The workspace, used exactly as given; ``~/.deriva-ml/HOST/CATALOG`` when None.
        hydra_runtime_output_dir: Hydra's output directory; its configuration files are stored with each execution.
        ml_schema: Must be ``deriva-ml``.
        logging_level: Level of the logger ``dml``; unchanged when None.
        deriva_logging_level: Level of the loggers of deriva and bdbag; unchanged when None.
        credential: Credential as ``connect`` takes it; read from deriva's credential file when None.
        s3_bucket: Accepted for compatibility with deriva-ml; bags are created and stored locally.
        use_minid: Accepted for compatibility with deriva-ml; bags get no MINID.
        clean_execution_dir: Whether ``commit_output_assets`` removes local files that the catalog has confirmed.
        mode: ``online`` or ``offline``; offline, no request is sent and the workspace's copy of the schema is used.
        reuse_schema_json: Accepted for compatibility with deriva-ml; the schema is always requested with its ETag.
        allow_dirty: Accept uncommitted changes in the code of workflows created here.
        transport: Creates the adapter that carries requests, as ``connect`` takes it; the network when None.

    Raises:
        UsageError: ``ml_schema``, ``mode`` or the name of the catalog is invalid.
    """

    def __init__(
        self,
        hostname: str,
        catalog_id: str | int = 1,
        domain_schemas: Iterable[str] | None = None,
        default_schema: str | None = None,
        project_name: str | None = None,
        cache_dir: Path | str | None = None,
        working_dir: Path | str | None = None,
        hydra_runtime_output_dir: Path | str | None = None,
        ml_schema: str = "deriva-ml",
        logging_level: int | str | None = None,
        deriva_logging_level: int | str | None = None,
        credential: Mapping[str, str] | None = None,
        s3_bucket: str | None = None,
        use_minid: bool | None = None,
        clean_execution_dir: bool = False,
        mode: str = "online",
        reuse_schema_json: Mapping[str, Any] | None = None,
        *,
        allow_dirty: bool = False,
        transport: Callable[[], BaseAdapter] | None = None,
    ) -> None:
        del project_name, s3_bucket, use_minid, reuse_schema_json
        if ml_schema != "deriva-ml":
            raise UsageError(f"ml_schema must be deriva-ml, not {ml_schema}", hint="Leave out ml_schema=.")
        set_log_levels(logging_level, deriva_logging_level)
        domains = list(domain_schemas or ())
        if default_schema is None and len(domains) == 1:
            default_schema = domains[0]
        self._mode = parse_mode(mode)
        if self._mode == "offline":
            transport = offline_transport
        target = Target.parse(f"{hostname}/{catalog_id}")
        self._credential = credential
        self._transport = transport
        self._working_dir = None if working_dir is None else Path(working_dir)
        self._cache_dir = None if cache_dir is None else Path(cache_dir)
        self._default_schema = default_schema
        self.hydra_runtime_output_dir = None if hydra_runtime_output_dir is None else Path(hydra_runtime_output_dir)
        self.clean_execution_dir = clean_execution_dir
        self.allow_dirty = allow_dirty
        self._target = target
        self._session: WorkspaceSession | None = None
        self._catalog: Catalog | None = None

    @classmethod
    def from_context(cls, path: Path | str | None = None) -> DerivaML:
        """The catalog and workspace that the settings choose.

        Settings come from the environment, ``.deriva-context.json`` or ``pyproject.toml``, and the user's profile.

        Args:
            path: Directory where the search for the project starts; the working directory when None.

        Raises:
            UsageError: No catalog is selected.
        """
        return cls(**_settings_arguments(None if path is None else Path(path)))

    @classmethod
    def instantiate(cls, config: Any) -> DerivaML:
        """The catalog and workspace of a configuration such as ``DerivaMLConfig``; sends no request.

        Args:
            config: An object or mapping with the arguments of this class as attributes or keys. Other names are
                ignored, and None counts as missing. Without a host name, the settings choose as in ``from_context``.

        Raises:
            UsageError: No catalog is selected, or its name is malformed.
        """
        values = dict(config if isinstance(config, Mapping) else vars(config))
        parameters = dict(signature(cls.__init__).parameters)
        if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
            parameters |= signature(DerivaML.__init__).parameters  # a subclass that passes keywords on
        arguments = {name: value for name, value in values.items() if name in parameters and value is not None}
        if not arguments.get("hostname"):
            arguments.pop("catalog_id", None)
            arguments = {**_settings_arguments(None), **arguments}
        return cls(**arguments)

    def __repr__(self) -> str:
        return f"DerivaML({str(self._target)!r})"

    # Catalog and workspace -------------------------------------------------------------------------------------

    @property
    def target(self) -> Target:
        """Host, catalog and, for an earlier state of the catalog, snapshot."""
        return self._target

    @property
    def host_name(self) -> str:
        """Name of the server."""
        return self._target.host

    @property
    def catalog_id(self) -> str:
        """Number or alias of the catalog."""
        return self._target.catalog_id

    @property
    def is_snapshot(self) -> bool:
        """Whether this is an earlier state of the catalog, which cannot be written."""
        return self._target.snapshot is not None

    @property
    def working_dir(self) -> Path:
        """Directory of the workspace."""
        from dml.workspace.layout import find_workspace

        return find_workspace(self._target, self._working_dir).root

    @property
    def cache_dir(self) -> Path:
        """Directory of the cache of bags and assets."""
        return self._cache_dir or self.working_dir / "cache"

    @property
    def catalog(self) -> Catalog:
        """The connection to the catalog, made on first use."""
        if self._catalog is None:
            from dml.catalog.connection import connect

            self._catalog = connect(self._target, credential=self._credential, transport=self._transport)
            schema = schema_pins.pinned_schema(self) if self._mode == "online" else schema_pins.copied_schema(self)
            if schema is not None and not self.is_snapshot:
                self._catalog.fix_schema(schema)
        return self._catalog

    @property
    def mode(self) -> str:
        """``online``, or ``offline`` when no request is sent."""
        return self._mode

    @property
    def session(self) -> WorkspaceSession:
        """The workspace with its registry, created on first use. Writes the workspace."""
        if self._session is None:
            self._session = WorkspaceSession.writing(
                self._target, self._working_dir, catalog=self.catalog, cache=self._cache_dir
            )
        return self._session

    @property
    def default_schema(self) -> str | None:
        """The schema of tables that are given without one; None when the catalog has several domain schemas or none."""
        if self._default_schema is not None:
            return self._default_schema
        schemas = self.catalog.schema().domain_schemas()
        return schemas[0] if len(schemas) == 1 else None

    def whoami(self) -> Identity | None:
        """The user that the server recognizes; None when not signed in."""
        return self.catalog.whoami()

    def is_authenticated(self) -> bool:
        """Whether the server recognizes a signed-in user."""
        return self.whoami() is not None

    def catalog_snapshot(self, snapshot: str) -> DerivaML:
        """An earlier state of the catalog, for reading.

        Args:
            snapshot: Snapshot id, such as ``2ZV-5MD3-AF3Y``.
        """
        return DerivaML(
            self.host_name,
            f"{self.catalog_id}@{snapshot}",
            default_schema=self._default_schema,
            cache_dir=self._cache_dir,
            working_dir=self._working_dir,
            credential=self._credential,
            mode=self._mode,
            transport=self._transport,
        )

    def refresh_schema(self, force: bool = False) -> None:
        """Read the catalog's schema again.

        Args:
            force: Accepted for compatibility with deriva-ml; the server is always asked.

        Raises:
            ConflictError: The schema is pinned.
        """
        del force
        pin = schema_pins.pin_status(self)
        if pin.pinned:
            reason = f" ({pin.pin_reason})" if pin.pin_reason else ""
            raise ConflictError(f"the schema of {self._target} is pinned{reason}", hint="Call unpin_schema() first.")
        self.catalog.refresh_schema()

    pin_schema = schema_pins.pin_schema
    unpin_schema = schema_pins.unpin_schema
    pin_status = schema_pins.pin_status
    diff_schema = schema_pins.diff_schema

    validate_execution_configuration = validation.validate_execution_configuration
    validate_dataset_specs = validation.validate_dataset_specs

    def pathBuilder(self) -> Any:  # noqa: N802 - the name that deriva uses
        """A path builder of deriva on the same connection."""
        return self.catalog.ermrest.getPathBuilder()

    # Executions -----------------------------------------------------------------------------------------------

    create_execution = executions.create_execution
    resume_execution = executions.resume_execution
    restore_execution = executions.restore_execution
    list_executions = executions.list_executions
    find_incomplete_executions = executions.find_incomplete_executions
    pending_summary = executions.pending_summary
    commit_pending_executions = executions.commit_pending_executions
    gc_executions = executions.gc_executions
    lookup_execution = catalog_executions.lookup_execution
    find_executions = catalog_executions.find_executions
    find_executions_consuming = catalog_executions.find_executions_consuming
    multirun_status_summary = catalog_executions.multirun_status_summary
    lookup_lineage = catalog_executions.lookup_lineage
    lookup_experiment = catalog_executions.lookup_experiment
    find_experiments = catalog_executions.find_experiments
    audit_provenance = catalog_executions.audit_provenance
    list_execution_children = catalog_executions.list_execution_children
    list_execution_parents = catalog_executions.list_execution_parents
    list_nested_executions = catalog_executions.list_nested_executions
    list_parent_executions = catalog_executions.list_parent_executions
    is_nested = catalog_executions.is_nested
    is_parent = catalog_executions.is_parent
    add_nested_execution = catalog_executions.add_nested_execution
    unknown_provenance_execution_rid = catalog_executions.unknown_provenance_execution_rid
    unknown_provenance_file_rid = catalog_executions.unknown_provenance_file_rid

    # Workflows ------------------------------------------------------------------------------------------------

    create_workflow = workflows.create_workflow
    add_workflow = workflows.add_workflow
    find_workflows = workflows.find_workflows
    lookup_workflow = workflows.lookup_workflow
    lookup_workflow_by_url = workflows.lookup_workflow_by_url
    list_workflow_executions = workflows.list_workflow_executions

    # Datasets -------------------------------------------------------------------------------------------------

    find_datasets = datasets.find_datasets
    lookup_dataset = datasets.lookup_dataset
    create_dataset = datasets.create_dataset
    delete_dataset = datasets.delete_dataset
    add_dataset_members = datasets.add_dataset_members
    list_dataset_members = datasets.list_dataset_members
    dataset_history = datasets.dataset_history
    release_dataset = datasets.release_dataset
    increment_dataset_version = datasets.increment_dataset_version
    split_dataset = datasets.split_dataset
    list_dataset_element_types = datasets.list_dataset_element_types
    add_dataset_element_type = datasets.add_dataset_element_type
    download_dataset_bag = datasets.download_dataset_bag
    cache_dataset = datasets.cache_dataset
    estimate_bag_size = datasets.estimate_bag_size
    bag_info = datasets.bag_info

    # Vocabularies, assets, features -----------------------------------------------------------------------------

    create_vocabulary = vocabularies.create_vocabulary
    add_term = vocabularies.add_term
    add_synonyms = vocabularies.add_synonyms
    lookup_term = vocabularies.lookup_term
    list_vocabulary_terms = vocabularies.list_vocabulary_terms
    create_asset = assets.create_asset
    asset_record_class = assets.asset_record_class
    lookup_asset = assets.lookup_asset
    find_assets = assets.find_assets
    list_assets = assets.list_assets
    list_asset_tables = assets.list_asset_tables
    list_asset_executions = assets.list_asset_executions
    list_execution_assets = assets.list_execution_assets
    add_files = assets.add_files
    list_files = assets.list_files
    create_feature = features.create_feature
    find_features = features.find_features
    lookup_feature = features.lookup_feature
    feature_record_class = features.feature_record_class
    feature_values = features.feature_values
    list_feature_values = features.list_feature_values
    add_features = features.add_features

    # Rows and the cache ---------------------------------------------------------------------------------------

    resolve_rid = rids.resolve_rid
    resolve_rids = rids.resolve_rids
    chaise_url = rids.chaise_url
    cite = rids.cite
    list_cached_bags = storage.list_cached_bags
    list_cached_assets = storage.list_cached_assets
    get_cache_size = storage.get_cache_size
    clear_cache = storage.clear_cache
    delete_cached_bag = storage.delete_cached_bag
    delete_cached_asset = storage.delete_cached_asset
    download_asset = storage.download_asset
    list_execution_dirs = storage.list_execution_dirs
    clean_execution_dirs = storage.clean_execution_dirs
    get_storage_summary = storage.get_storage_summary

    # ----------------------------------------------------------------------------------------------------------

    def _read_session(self) -> WorkspaceSession:
        """The workspace for reading: nothing is created, not even a missing workspace."""
        return self._session or WorkspaceSession.reading(self._target, self._working_dir)

    def _dry_run_session(self) -> WorkspaceSession:
        """The workspace for reading, with this object's connection and cache."""
        from dml.workspace.layout import find_workspace
        from dml.workspace.registry import Registry

        workspace = find_workspace(self._target, self._working_dir)
        return WorkspaceSession(workspace, Registry.reading(workspace), catalog=self.catalog, cache=self._cache_dir)

    def _table_name(self, name: str) -> str:
        """``schema:Table`` of an existing table, which may be given by its bare name."""
        return self.catalog.schema().table(name).qualified_name

    def _new_table_name(self, name: str, schema: str | None) -> str:
        """``schema:Table`` of a new table; ``schema``, or the default schema, applies to a bare name.

        Raises:
            UsageError: There is no default schema.
        """
        if ":" in name:
            return name
        chosen = schema or self.default_schema
        if chosen is None:
            raise UsageError(f"no schema given for the new table {name}", hint="Give schema= or default_schema=.")
        return f"{chosen}:{name}"


def _settings_arguments(directory: Path | None) -> dict[str, Any]:
    """The arguments of ``DerivaML`` that the settings provide."""
    from dml.settings import resolve

    settings = resolve(directory=directory)
    target = settings.target
    return {
        "hostname": target.host,
        "catalog_id": target.catalog_id + (f"@{target.snapshot}" if target.snapshot else ""),
        "default_schema": settings.get("default_schema"),
        "cache_dir": settings.get("cache_dir"),
        "working_dir": settings.get("workspace"),
    }
