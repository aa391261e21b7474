"""The inputs of an execution as its program uses them: paths of fetched assets, and inputs added while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dml.dataset.lookup import resolve
from dml.dataset.spec import DatasetSpec
from dml.execution.asset_path import AssetFilePath
from dml.execution.configuration import AssetSpec
from dml.execution.fetch_inputs import fetch_asset, input_path
from dml.execution.input_edges import link_datasets
from dml.execution.resolve_inputs import asset_record, dataset_record, resolve_assets
from dml.upload.asset_rows import DIRECTION_TAGS, INPUT, link_assets
from dml.workspace import inputs

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession


def asset_paths(session: WorkspaceSession, rid: str) -> dict[str, list[AssetFilePath]]:
    """The fetched input assets by table, in the order in which they were declared."""
    paths: dict[str, list[AssetFilePath]] = {}
    for record in inputs.list_inputs(session.registry, rid):
        if record.kind == "asset" and record.path:
            schema, _, table = str(record.options.get("table", "")).partition(":")
            path = AssetFilePath.of_input(
                Path(record.path), schema=schema, table=table, rid=record.rid, types=[DIRECTION_TAGS[INPUT]]
            )
            paths.setdefault(table, []).append(path)
    return paths


def download_asset(
    session: WorkspaceSession, rid: str, asset_rid: str, directory: Path | None, *, record: bool, use_cache: bool
) -> AssetFilePath:
    """Fetch an asset. Writes the cache and the file; with ``record`` also the registry and the catalog's input edge.

    Args:
        session: The workspace and its catalog.
        rid: The execution.
        asset_rid: The asset.
        directory: Where the file is placed; the execution's directory when None.
        record: Whether to record the asset as an input, before its bytes are fetched.
        use_cache: Whether to keep the bytes in the cache.
    """
    asset = resolve_assets(session.catalog, [AssetSpec(asset_rid, cache=use_cache)])[0]
    if record:
        inputs.declare_inputs(session.registry, rid, [asset_record(asset)])
        link_assets(session.catalog, asset.table, rid, INPUT, {asset.rid: ()})
        inputs.mark_inputs(session.registry, rid, [("asset", asset.rid)], "linked")
    destination, root = input_path(session, rid, asset), session.workspace.root
    if directory is not None:
        directory = directory.absolute()
        destination, root = directory / destination.name, directory.parent
    fetched = fetch_asset(session, asset, destination, root=root)
    if record:
        inputs.mark_inputs(session.registry, rid, [("asset", asset.rid)], "fetched", path=str(fetched.path))
    types = [DIRECTION_TAGS[INPUT]] if record else []
    return AssetFilePath.of_input(
        fetched.path, schema=asset.table.schema, table=asset.table.name, rid=asset.rid, types=types
    )


def add_input_dataset(session: WorkspaceSession, rid: str, spec: DatasetSpec, *, link: bool = True) -> DatasetSpec:
    """Record a dataset as an input of an execution, and return it pinned to its version.

    Writes the registry and, with ``link``, the catalog's edge.

    Args:
        session: The workspace and its catalog.
        rid: The execution.
        spec: The dataset; the current version when it names none.
        link: Whether to write the catalog's edge; False in a dry run.
    """
    dataset = resolve(session.catalog, spec)
    record = dataset_record(dataset)
    inputs.declare_inputs(session.registry, rid, [record])
    if link:
        link_datasets(session, rid, [record])
    return DatasetSpec(dataset.rid, dataset.row.version)
