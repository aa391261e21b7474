"""The class ``DerivaML``: where its catalog and workspace are; its methods, by subject, are in the modules beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import signature
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
from dml.api.offline import mode_named, refusing_transport, set_levels
from dml.errors import ConflictError, UsageError
from dml.target import Target
from dml.workspace.session import WorkspaceSession

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

    from dml.catalog.connection import Catalog, Identity

__all__ = ["DerivaML"]


class DerivaML:
    """One catalog with its workspace.

    Args:
        hostname: The server; ``local`` is the embedded one.
        catalog_id: Number or alias.
        domain_schemas: The domain schemas; one alone is the default schema. Which there are is read from the catalog.
        default_schema: The domain schema of tables named without one; the only one there is when None.
        project_name: Accepted for deriva-ml's sake.
        cache_dir: Directory of the cache; ``<workspace>/cache`` when None.
        working_dir: The workspace, used exactly; ``~/.deriva-ml/HOST/CATALOG`` when None.
        hydra_runtime_output_dir: Hydra's output directory, whose configuration is kept with each execution.
        ml_schema: ``deriva-ml``; there is no other.
        logging_level: Of the logger ``dml``; as it is when None.
        deriva_logging_level: Of the loggers of deriva and bdbag; as they are when None.
        credential: As ``connect`` takes it; deriva's credential file when None.
        s3_bucket: Accepted for compatibility with deriva-ml; bags are created and kept locally.
        use_minid: Accepted for compatibility with deriva-ml; bags get no MINID.
        clean_execution_dir: Whether ``commit_output_assets`` removes local files once the catalog has confirmed them.
        mode: ``online``, or ``offline``: no request is sent, and the workspace's copy of the schema is used.
        reuse_schema_json: Accepted for deriva-ml's sake: the schema is asked for by its ETag.
        allow_dirty: Accept code with uncommitted changes in workflows made here.
        transport: As ``connect`` takes it: what carries requests; the network when None.

    Raises:
        UsageError: ``ml_schema`` or ``mode`` is another.
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
            raise UsageError(f"The schema of DERIVA-ML is deriva-ml, not {ml_schema}", hint="Leave out ml_schema=.")
        set_levels(logging_level, deriva_logging_level)
        domains = list(domain_schemas or ())
        if default_schema is None and len(domains) == 1:
            default_schema = domains[0]
        self._mode = mode_named(mode)
        if self._mode == "offline":
            transport = refusing_transport
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
        """The catalog and workspace that settings choose: environment, ``.deriva-context.json`` or pyproject, profile.

        Args:
            path: Where the search for the project begins; the working directory when None.

        Raises:
            UsageError: No catalog has been chosen.
        """
        return cls(**_chosen(None if path is None else Path(path)))

    @classmethod
    def instantiate(cls, config: Any) -> DerivaML:
        """The catalog and workspace that a configuration means, such as ``DerivaMLConfig``; costs no request.

        Args:
            config: An object or mapping with this class's arguments; other fields are passed over, and those that are
                None count as left out. Without a host name, settings choose as in ``from_context``.

        Raises:
            UsageError: No catalog has been chosen, or its name is malformed.
        """
        values = dict(config if isinstance(config, Mapping) else vars(config))
        known = set(signature(cls.__init__).parameters) - {"self"}
        given = {name: value for name, value in values.items() if name in known and value is not None}
        if not given.get("hostname"):
            given.pop("catalog_id", None)
            given = {**_chosen(None), **given}
        return cls(**given)

    def __repr__(self) -> str:
        return f"DerivaML({str(self._target)!r})"

    # Where --------------------------------------------------------------------------------------------------

    @property
    def target(self) -> Target:
        """Host, catalog and, if one is meant, snapshot."""
        return self._target

    @property
    def host_name(self) -> str:
        """The server."""
        return self._target.host

    @property
    def catalog_id(self) -> str:
        """The catalog's id."""
        return self._target.catalog_id

    @property
    def is_snapshot(self) -> bool:
        """Whether this is the catalog of an earlier time, which cannot be changed."""
        return self._target.snapshot is not None

    @property
    def working_dir(self) -> Path:
        """The workspace."""
        from dml.workspace.layout import find

        return find(self._target, self._working_dir).root

    @property
    def cache_dir(self) -> Path:
        """The cache of bags and assets."""
        return self._cache_dir or self.working_dir / "cache"

    @property
    def catalog(self) -> Catalog:
        """The connection, made on first use."""
        if self._catalog is None:
            from dml.catalog.connection import connect

            self._catalog = connect(self._target, credential=self._credential, transport=self._transport)
            copied = schema_pins.pinned_schema(self) if self._mode == "online" else schema_pins.copied_schema(self)
            if copied is not None and not self.is_snapshot:
                self._catalog.fix_schema(copied)
        return self._catalog

    @property
    def mode(self) -> str:
        """``online``, or ``offline`` when no request may be sent."""
        return self._mode

    @property
    def session(self) -> WorkspaceSession:
        """The workspace with its registry, created on first use."""
        if self._session is None:
            self._session = WorkspaceSession.writing(
                self._target, self._working_dir, catalog=self.catalog, cache=self._cache_dir
            )
        return self._session

    @property
    def default_schema(self) -> str | None:
        """The domain schema of tables named without one; None when the catalog has several or none."""
        if self._default_schema is not None:
            return self._default_schema
        there = self.catalog.schema().domain_schemas()
        return there[0] if len(there) == 1 else None

    def whoami(self) -> Identity | None:
        """Who the server takes us for; None when not signed in."""
        return self.catalog.whoami()

    def is_authenticated(self) -> bool:
        """Whether the server knows us."""
        return self.whoami() is not None

    def catalog_snapshot(self, snapshot: str) -> DerivaML:
        """The same catalog at an earlier time, for reading."""
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
        """Read the catalog's model anew; ``force`` is accepted for deriva-ml's sake, for it is always asked.

        Raises:
            ConflictError: The schema is pinned.
        """
        del force
        pin = schema_pins.pin_status(self)
        if pin.pinned:
            why = f" ({pin.pin_reason})" if pin.pin_reason else ""
            raise ConflictError(f"The schema of {self._target} is pinned{why}", hint="unpin_schema() ends that.")
        self.catalog.refresh_schema()

    pin_schema = schema_pins.pin_schema
    unpin_schema = schema_pins.unpin_schema
    pin_status = schema_pins.pin_status
    diff_schema = schema_pins.diff_schema

    def pathBuilder(self) -> Any:  # noqa: N802 - deriva's own name
        """deriva's path builder on the same connection."""
        return self.catalog.ermrest.getPathBuilder()

    validate_execution_configuration = validation.validate_execution_configuration
    validate_dataset_specs = validation.validate_dataset_specs

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

    def reading(self) -> WorkspaceSession:
        """The workspace for looking only: nothing is created, not even a missing workspace."""
        return self._session or WorkspaceSession.reading(self._target, self._working_dir)

    def unopened_session(self) -> WorkspaceSession:
        """The workspace for looking only, with this connection."""
        from dml.workspace.layout import find
        from dml.workspace.registry import Registry

        workspace = find(self._target, self._working_dir)
        return WorkspaceSession(workspace, Registry.reading(workspace), catalog=self.catalog, cache=self._cache_dir)

    def table_name(self, name: str) -> str:
        """``schema:Table`` of a table given so or by its bare name."""
        return self.catalog.schema().table(name).qualified_name

    def new_table_name(self, name: str, schema: str | None) -> str:
        """``schema:Table`` of a table to be made: in the schema named, else in the default one.

        Raises:
            UsageError: There is no default schema.
        """
        if ":" in name:
            return name
        chosen = schema or self.default_schema
        if chosen is None:
            raise UsageError(f"In which schema is {name} to be made?", hint="Give schema=, or default_schema= above.")
        return f"{chosen}:{name}"


def _chosen(directory: Path | None) -> dict[str, Any]:
    """The arguments of ``DerivaML`` that settings give."""
    from dml.settings import resolve

    settings = resolve(directory=directory)
    target = settings.target
    return {
        "hostname": target.host,
        "catalog_id": target.catalog_id + (f"@{target.snapshot}" if target.snapshot else ""),
        "default_schema": settings.get("default_schema"),
        "cache_dir": settings.get("cache"),
        "working_dir": settings.get("workspace"),
    }
