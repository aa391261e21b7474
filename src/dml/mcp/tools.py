"""The tools: what an assistant-driven run does, one command each.

Every tool names host and catalog; results are the JSON documents of the commands. What gives something up for good
wants the RID once more as ``confirm``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from dml.mcp.commands import CommandError, Runner

__all__ = ["READING", "WRITING", "Tool", "Tools"]

Document = dict[str, Any]
Tool = Callable[..., Awaitable[Document]]

Host = Annotated[str, Field(description="The catalog's host; local is the embedded one.")]
CatalogId = Annotated[
    str,
    BeforeValidator(lambda given: str(given) if isinstance(given, int) else given),  # clients send numbers for numbers
    Field(description="The catalog's id."),
]

Limit = Annotated[int, Field(ge=0, description="The most rows; 0 for all.")]
Role = Literal["Input", "Output"]

READING = (
    "get_execution",
    "list_executions",
    "list_execution_children",
    "list_execution_parents",
    "validate_execution_configuration",
    "bag_info",
    "get_lineage",
    "list_workflows",
    "get_workflow",
    "list_assets",
    "get_asset",
    "list_asset_executions",
    "list_features",
    "get_feature",
    "list_feature_values",
    "list_datasets",
    "get_dataset",
    "denormalize_dataset",
    "list_vocabularies",
    "list_vocabulary_terms",
    "get_vocabulary_term",
    "get_metrics",
    "cite",
)
"""Tools that change nothing."""

WRITING = (
    "create_execution",
    "start_execution",
    "stop_execution",
    "fail_execution",
    "commit_execution",
    "abort_execution",
    "cache_dataset",
    "release_dataset",
    "set_workflow",
    "add_vocabulary_term",
)
"""Tools that change the catalog, the workspace or the cache."""


class Tools:
    """The tools on one runner; each method is a tool, its docstring what an assistant reads."""

    def __init__(self, runner: Runner) -> None:
        self._run = runner.run

    async def create_execution(
        self,
        host: Host,
        catalog: CatalogId,
        description: str = "",
        workflow: str | None = None,
        workflow_name: str | None = None,
        workflow_type: list[str] | None = None,
        workflow_url: str | None = None,
        workflow_checksum: str | None = None,
        script: str | None = None,
        datasets: list[str] | None = None,
        assets: list[str] | None = None,
        config: str | None = None,
        allow_dirty: bool = False,
    ) -> Document:
        """Create an execution. Name a registered workflow by RID, or give name and type with a script or URL and
        checksum. Datasets are RID@VERSION, assets RID; config is a JSON or YAML file on this machine."""
        return await self._run(
            host,
            catalog,
            "exec create",
            description=description or None,
            workflow=workflow,
            workflow_name=workflow_name,
            workflow_type=workflow_type,
            workflow_url=workflow_url,
            workflow_checksum=workflow_checksum,
            script=script,
            dataset=datasets,
            asset=assets,
            config=config,
            allow_dirty=allow_dirty,
        )

    async def start_execution(self, host: Host, catalog: CatalogId, execution_rid: str) -> Document:
        """Fetch an execution's inputs and mark it Running; the result says where inputs are and outputs go."""
        return await self._run(host, catalog, "exec start", execution_rid)

    async def stop_execution(self, host: Host, catalog: CatalogId, execution_rid: str) -> Document:
        """Mark a running execution Stopped: the work went well, its outputs wait for the commit."""
        return await self._run(host, catalog, "exec stop", execution_rid)

    async def fail_execution(self, host: Host, catalog: CatalogId, execution_rid: str, message: str) -> Document:
        """Mark a running execution Failed, with what went wrong."""
        return await self._run(host, catalog, "exec fail", execution_rid, message=message)

    async def commit_execution(
        self, host: Host, catalog: CatalogId, execution_rid: str, dry_run: bool = False
    ) -> Document:
        """Upload everything an execution staged; with dry_run only say what would go up. Safe to repeat."""
        return await self._run(host, catalog, "exec commit", execution_rid, dry_run=dry_run, yes=not dry_run)

    async def abort_execution(
        self, host: Host, catalog: CatalogId, execution_rid: str, confirm: str, reason: str = ""
    ) -> Document:
        """Give an execution up for good. confirm must be the execution's RID again."""
        if confirm != execution_rid:
            raise CommandError(
                f"Aborting {execution_rid} was not confirmed",
                hint=f"It cannot be undone; ask the user, then call again with confirm={execution_rid!r}.",
                code=2,
                kind="UsageError",
            )
        return await self._run(host, catalog, "exec abort", execution_rid, reason=reason or None)

    async def get_execution(self, host: Host, catalog: CatalogId, execution_rid: str) -> Document:
        """State, inputs, outputs and next step of an execution; one that this workspace does not know is described
        as the catalog has it, by its lineage."""
        try:
            return await self._run(host, catalog, "exec show", execution_rid)
        except CommandError as error:
            if error.kind != "NotFoundError":
                raise
        found = await self._run(host, catalog, "lineage show", execution_rid, depth=0)
        if found["root"]["type"] != "Execution":
            raise CommandError(
                f"{execution_rid} is no execution: {found['root']['type']}",
                hint="get_lineage says what led to it; get_asset and get_dataset describe it.",
                code=2,
                kind="UsageError",
            )
        return found

    async def list_executions(
        self,
        host: Host,
        catalog: CatalogId,
        status: list[str] | None = None,
        workflow: str | None = None,
        pending: bool = False,
        since: str | None = None,
        limit: Limit = 100,
    ) -> Document:
        """The executions of this workspace, the latest first: by status, workflow name or RID, pending uploads, or
        activity since a time (2026-01-31, 12h, 7d). get_workflow lists a workflow's executions in the catalog."""
        return await self._run(
            host, catalog, "exec list", status=status, workflow=workflow, pending=pending, since=since, limit=limit
        )

    async def list_execution_children(
        self, host: Host, catalog: CatalogId, execution_rid: str, recurse: bool = False
    ) -> Document:
        """The executions nested in one: states, what differs between them, last metrics, durations."""
        return await self._run(host, catalog, "nested show", execution_rid, recurse=recurse)

    async def list_execution_parents(
        self, host: Host, catalog: CatalogId, execution_rid: str, recurse: bool = False
    ) -> Document:
        """The executions that one is nested in."""
        return await self._run(host, catalog, "nested show", execution_rid, parents=True, recurse=recurse)

    async def validate_execution_configuration(
        self,
        host: Host,
        catalog: CatalogId,
        overrides: list[str] | None = None,
        datasets: list[str] | None = None,
        assets: list[str] | None = None,
        config: str | None = None,
        offline: bool = False,
    ) -> Document:
        """Check before a run, writing nothing: Hydra overrides of the project in the server's directory
        (+experiment=NAME), or a configuration file, or datasets (RID@VERSION) and assets. Failed checks carry a fix."""
        return await self._run(
            host,
            catalog,
            "preflight",
            *(overrides or ()),
            dataset=datasets,
            asset=assets,
            config=config,
            offline=offline,
        )

    async def bag_info(self, host: Host, catalog: CatalogId, dataset_rid: str, version: str | None = None) -> Document:
        """How large a dataset version is and how much of it is in the cache of this machine."""
        return await self._run(host, catalog, "cache info", _versioned(dataset_rid, version))

    async def cache_dataset(
        self, host: Host, catalog: CatalogId, dataset_rid: str, version: str | None = None
    ) -> Document:
        """Fetch a dataset version into the cache of this machine, verified. No execution is made."""
        return await self._run(host, catalog, "cache warm", _versioned(dataset_rid, version))

    async def get_lineage(
        self,
        host: Host,
        catalog: CatalogId,
        rid: str,
        depth: Annotated[int, Field(ge=0)] | None = None,
        forward: bool = False,
    ) -> Document:
        """What produced an artifact and from what, to any depth; forward: what was made from it."""
        return await self._run(host, catalog, "lineage show", rid, depth=depth, forward=forward)

    async def list_workflows(
        self, host: Host, catalog: CatalogId, workflow_type: str | None = None, limit: Limit = 100
    ) -> Document:
        """The workflows of the catalog, the newest first."""
        return await self._run(host, catalog, "workflow list", type=workflow_type, limit=limit)

    async def get_workflow(self, host: Host, catalog: CatalogId, workflow: str, limit: Limit = 10) -> Document:
        """A workflow by RID, URL or checksum, with its newest executions and how many are in which status."""
        return await self._run(host, catalog, "workflow show", workflow, limit=limit)

    async def set_workflow(
        self,
        host: Host,
        catalog: CatalogId,
        workflow: str,
        description: str | None = None,
        add_types: list[str] | None = None,
        remove_types: list[str] | None = None,
    ) -> Document:
        """Change a workflow's description, give it types, or take types from it."""
        return await self._run(
            host,
            catalog,
            "workflow set",
            workflow,
            description=description,
            add_type=add_types,
            remove_type=remove_types,
        )

    async def list_assets(
        self,
        host: Host,
        catalog: CatalogId,
        table: str | None = None,
        asset_type: str | None = None,
        execution_rid: str | None = None,
        role: Role | None = None,
        limit: Limit = 100,
    ) -> Document:
        """Assets by table, type, execution and role (Input, Output); without any of them, the asset tables."""
        arguments = [] if table is None else [table]
        return await self._run(
            host, catalog, "asset list", *arguments, type=asset_type, execution=execution_rid, role=role, limit=limit
        )

    async def get_asset(self, host: Host, catalog: CatalogId, asset_rid: str) -> Document:
        """An asset: its file, types, links, and the executions that made and read it."""
        return await self._run(host, catalog, "asset show", asset_rid)

    async def list_asset_executions(
        self, host: Host, catalog: CatalogId, asset_rid: str, role: Role | None = None, limit: Limit = 100
    ) -> Document:
        """The executions that read (Input) or made (Output) an asset, the oldest first."""
        return await self._run(host, catalog, "asset executions", asset_rid, role=role, limit=limit)

    async def list_features(
        self, host: Host, catalog: CatalogId, table: str | None = None, limit: Limit = 100
    ) -> Document:
        """The features of the catalog or of one table, with their columns."""
        return await self._run(host, catalog, "feature list", table=table, limit=limit)

    async def get_feature(self, host: Host, catalog: CatalogId, target_table: str, feature_name: str) -> Document:
        """A feature's columns, types and vocabularies, and how many values executions gave."""
        return await self._run(host, catalog, "feature show", f"{target_table}.{feature_name}")

    async def list_feature_values(
        self,
        host: Host,
        catalog: CatalogId,
        target_table: str,
        feature_name: str,
        selector: Literal["all", "newest", "first"] = "all",
        execution_rids: list[str] | None = None,
        limit: Limit = 100,
    ) -> Document:
        """Values of a feature: all, or the newest or first of each row; execution_rids filters on the server."""
        return await self._run(
            host,
            catalog,
            "feature values",
            f"{target_table}.{feature_name}",
            selector=selector,
            execution=execution_rids,
            limit=limit,
        )

    async def list_datasets(
        self, host: Host, catalog: CatalogId, dataset_type: str | None = None, limit: Limit = 100
    ) -> Document:
        """The datasets of the catalog with their types and current versions."""
        return await self._run(host, catalog, "dataset list", type=dataset_type, limit=limit)

    async def get_dataset(
        self, host: Host, catalog: CatalogId, dataset_rid: str, version: str | None = None
    ) -> Document:
        """A dataset: its types, versions, and how many members of each table it has."""
        return await self._run(host, catalog, "dataset show", _versioned(dataset_rid, version))

    async def denormalize_dataset(
        self,
        host: Host,
        catalog: CatalogId,
        dataset_rid: str,
        table: str,
        version: str | None = None,
        include_tables: list[str] | None = None,
        features: list[str] | None = None,
        limit: Limit = 20,
    ) -> Document:
        """The rows of one table in a dataset version, joined with tables they refer to and with features: what a
        training pipeline sees."""
        return await self._run(
            host,
            catalog,
            "dataset denormalize",
            _versioned(dataset_rid, version),
            table,
            include=include_tables,
            feature=features,
            limit=limit,
        )

    async def release_dataset(
        self,
        host: Host,
        catalog: CatalogId,
        dataset_rid: str,
        description: str,
        component: Literal["major", "minor", "patch"] = "minor",
    ) -> Document:
        """Release a dataset as it is now, raising its major, minor or patch number; without changes since the last
        release nothing is done."""
        chosen = {component: True} if component != "minor" else {}
        return await self._run(host, catalog, "dataset release", dataset_rid, description=description, **chosen)

    async def list_vocabularies(self, host: Host, catalog: CatalogId, limit: Limit = 100) -> Document:
        """The controlled vocabularies of the catalog."""
        return await self._run(host, catalog, "vocab list", limit=limit)

    async def list_vocabulary_terms(
        self, host: Host, catalog: CatalogId, vocabulary: str, limit: Limit = 100
    ) -> Document:
        """The terms of a vocabulary, as Workflow_Type or deriva-ml:Workflow_Type."""
        return await self._run(host, catalog, "vocab list", vocabulary, limit=limit)

    async def get_vocabulary_term(self, host: Host, catalog: CatalogId, vocabulary: str, term: str) -> Document:
        """One term, found by its name or a synonym; an unknown one names the nearest."""
        return await self._run(host, catalog, "vocab show", vocabulary, term)

    async def add_vocabulary_term(
        self,
        host: Host,
        catalog: CatalogId,
        vocabulary: str,
        term: str,
        description: str,
        synonyms: list[str] | None = None,
    ) -> Document:
        """Add a term to a vocabulary; one that is there is left as it is."""
        return await self._run(host, catalog, "vocab add", vocabulary, term, description=description, synonym=synonyms)

    async def get_metrics(
        self, host: Host, catalog: CatalogId, execution_rids: Annotated[list[str], Field(min_length=1)]
    ) -> Document:
        """The last value of each metric that executions measured."""
        return await self._run(host, catalog, "metrics", *execution_rids)

    async def cite(self, host: Host, catalog: CatalogId, rid: str) -> Document:
        """The permanent link to a row, at the catalog's snapshot of now, and the current one (Chaise)."""
        return await self._run(host, catalog, "cite", rid)


def _versioned(rid: str, version: str | None) -> str:
    return rid if version is None else f"{rid}@{version}"
