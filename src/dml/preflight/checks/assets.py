"""Assets: each RID is in an asset table and its file is stored; local files exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dml.execution.catalog_facts import CatalogFacts, is_rid
from dml.formatting import format_size
from dml.preflight.check_context import CheckContext, describe_wrong_row
from dml.preflight.results import Result, failed, ok, skipped

GROUP = "assets"


def check(context: CheckContext) -> Iterator[Result]:
    """Report each asset and local file."""
    plan = context.plan
    for file in plan.files:
        path = Path(file.path).expanduser()
        path = path if path.is_absolute() or plan.root is None else plan.root / path
        if path.is_file():
            yield ok(GROUP, "file", f"{file.path} {format_size(path.stat().st_size)}", subject=file.path)
        else:
            yield failed(
                GROUP, "file", f"file {file.path} does not exist", plan.edit_hint(file.path), subject=file.path
            )
    if not context.assets:
        return
    if context.catalog is None:
        yield skipped(GROUP, "assets", context.no_catalog_reason)
        return
    for asset in context.assets:
        yield _asset(context.catalog, asset.rid, plan.edit_hint(asset.rid))


def _asset(catalog: CatalogFacts, rid: str, edit: str) -> Result:
    if not is_rid(rid):
        return failed(GROUP, "exists", f"{rid!r} is not a valid RID", edit, subject=rid)
    rows, details = catalog.rows(), catalog.details()
    asset = rows.assets.get(rid)
    if asset is None:
        return failed(GROUP, "exists", describe_wrong_row(catalog, rid, "asset"), edit, subject=rid)
    name = f"{rid} {asset.row.get('Filename') or '(no name)'} {format_size(asset.row.get('Length'))}"
    if rid not in details.objects:
        return ok(GROUP, "bytes", f"{name}, in the cache", subject=rid)
    stored = details.objects[rid]
    if stored is None:
        message = f"{name}: the file is missing from the object store"
        return failed(GROUP, "bytes", message, f"dml lineage {rid}", subject=rid)
    length, md5 = asset.row.get("Length"), str(asset.row.get("MD5") or "").lower()
    differs = (length is not None and stored.length not in (None, length)) or (
        md5 and stored.md5_hex and stored.md5_hex.lower() != md5
    )
    if differs:
        message = f"{name}: the stored file does not match the length or checksum in the catalog"
        return failed(GROUP, "bytes", message, edit, subject=rid)
    return ok(GROUP, "bytes", f"{name}, file present", subject=rid)
