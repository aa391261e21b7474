"""Assets: each RID is in an asset table and its bytes are there; local files exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dml.execution.catalog_facts import Details, Rows, is_rid
from dml.execution.requested_inputs import RequestedAsset
from dml.formatting import format_size
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped

GROUP = "assets"


def check(look: CheckContext) -> Iterator[Result]:
    """Report each asset and local file."""
    for file in look.subject.files:
        path = Path(file.path).expanduser()
        path = path if path.is_absolute() or look.subject.root is None else look.subject.root / path
        if path.is_file():
            yield ok(GROUP, "file", f"{file.path} {format_size(path.stat().st_size)}", subject=file.path)
        else:
            yield failed(GROUP, "file", f"there is no file {file.path}", _edit(look, file.path), subject=file.path)
    if not look.assets:
        return
    if look.catalog is None:
        yield skipped(GROUP, "assets", look.without_catalog)
        return
    rows, details = look.catalog.rows(), look.catalog.details()
    for asset in look.assets:
        yield _asset(look, asset, rows, details)


def _asset(look: CheckContext, asset: RequestedAsset, rows: Rows, details: Details) -> Result:
    rid = asset.rid
    edit = _edit(look, rid)
    if not is_rid(rid):
        return failed(GROUP, "exists", f"{rid!r} is not a RID", edit, subject=rid)
    found = rows.assets.get(rid)
    if found is None:
        return failed(GROUP, "exists", _instead(rid, rows, details, look), edit, subject=rid)
    name = f"{rid} {found.row.get('Filename') or '(no name)'} {format_size(found.row.get('Length'))}"
    if rid not in details.objects:
        return ok(GROUP, "bytes", f"{name}, in the cache", subject=rid)
    stored = details.objects[rid]
    if stored is None:
        return failed(
            GROUP, "bytes", f"{name}: its bytes are not in the object store", f"dml lineage {rid}", subject=rid
        )
    length, md5 = found.row.get("Length"), str(found.row.get("MD5") or "").lower()
    differs = (length is not None and stored.length not in (None, length)) or (
        md5 and stored.md5_hex and stored.md5_hex.lower() != md5
    )
    if differs:
        return failed(GROUP, "bytes", f"{name}: the stored bytes are others than the row says", edit, subject=rid)
    return ok(GROUP, "bytes", f"{name}, bytes present", subject=rid)


def _instead(rid: str, rows: Rows, details: Details, look: CheckContext) -> str:
    if rid in rows.datasets:
        return f"{rid} is a dataset, not an asset"
    place = details.elsewhere.get(rid)
    if place is None:
        assert look.catalog is not None  # noqa: S101 - the caller asked
        target = look.catalog.catalog.target
        return f"no row {rid} in {target}" if rid in details.looked_up else f"no asset {rid} in {target}"
    if place.deleted:
        return f"{rid} was a row of {place.qualified_name} and is deleted"
    return f"{rid} is a row of {place.qualified_name}, which is no asset table"


def _edit(look: CheckContext, literal: str) -> str:
    place = look.subject.place_of(literal)
    return f"edit {place}" if place else ""
