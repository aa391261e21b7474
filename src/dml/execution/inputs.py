"""The inputs of an execution as its program sees them: fetched files, and inputs added while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dml.dataset.lookup import resolve
from dml.dataset.spec import DatasetSpec
from dml.execution.asset_path import AssetFilePath
from dml.execution.configuration import AssetSpec
from dml.execution.creation import link_datasets
from dml.execution.fetch_inputs import fetch, input_path
from dml.execution.resolve_inputs import resolve_assets
from dml.upload.asset_rows import DIRECTION_TAGS, INPUT, link_assets
from dml.workspace import inputs
from dml.workspace.inputs import InputRecord

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession


def asset_paths(session: WorkspaceSession, rid: str) -> dict[str, list[AssetFilePath]]:
    """The fetched input assets by table, in the order in which they were declared."""
    found: dict[str, list[AssetFilePath]] = {}
    for one in inputs.list_inputs(session.registry, rid):
        if one.kind == "asset" and one.path:
            schema, _, table = str(one.options.get("table", "")).partition(":")
            path = AssetFilePath.of_input(
                Path(one.path), schema=schema, table=table, rid=one.rid, types=[DIRECTION_TAGS[INPUT]]
            )
            found.setdefault(table, []).append(path)
    return found


def download_asset(
    session: WorkspaceSession, rid: str, asset_rid: str, directory: Path | None, *, record: bool, use_cache: bool
) -> AssetFilePath:
    """Fetch an asset, and record it as input before its bytes come. See ``Execution.download_asset``."""
    asset = resolve_assets(session.catalog, [AssetSpec(asset_rid, cache=use_cache)])[0]
    if record:
        options = {"cache": use_cache, "table": asset.table.qualified_name, "row": asset.row}
        inputs.declare_inputs(session.registry, rid, [InputRecord("asset", asset.rid, options=options)])
        link_assets(session.catalog, asset.table, rid, INPUT, {asset.rid: ()})
        inputs.mark_inputs(session.registry, rid, [("asset", asset.rid)], "linked")
    if directory is None:
        destination, root = input_path(session, rid, asset), session.workspace.root
    else:
        directory = directory.absolute()
        destination, root = directory / input_path(session, rid, asset).name, directory.parent
    fetched = fetch(session, asset, destination, root=root)
    if record:
        inputs.mark_inputs(session.registry, rid, [("asset", asset.rid)], "fetched", path=str(fetched.path))
    types = [DIRECTION_TAGS[INPUT]] if record else []
    return AssetFilePath.of_input(
        fetched.path, schema=asset.table.schema, table=asset.table.name, rid=asset.rid, types=types
    )


def add_input_dataset(session: WorkspaceSession, rid: str, spec: DatasetSpec, *, link: bool = True) -> DatasetSpec:
    """Record a dataset as input of an execution, in registry and catalog; returns it pinned to its version.

    Args:
        session: Where.
        rid: The execution.
        spec: The dataset; without a version its current one.
        link: Write the catalog's edge; a dry run does not.
    """
    found = resolve(session.catalog, spec)
    options = {"materialize": spec.materialize}
    record = InputRecord("dataset", found.rid, version=found.row.text, version_rid=found.row.rid, options=options)
    inputs.declare_inputs(session.registry, rid, [record])
    if link:
        link_datasets(session, rid, [record])
    return DatasetSpec(found.rid, found.row.version)
