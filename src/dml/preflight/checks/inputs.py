"""Inputs against each other: named twice, in two versions, in two roles, nested in one another, or under one name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from dml.errors import DmlError
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, warning

GROUP = "inputs"


def check(look: CheckContext) -> Iterator[Result]:
    """Report what does not go together."""
    subject = look.subject
    clean = True
    for kind, rid in subject.duplicates:
        clean = False
        place = subject.place_of(rid)
        yield failed(
            GROUP, "duplicate", f"the {kind} {rid} is named twice", f"edit {place}" if place else "", subject=rid
        )
    versions: dict[str, set[str]] = defaultdict(set)
    for dataset in subject.datasets:
        versions[dataset.rid].add(dataset.version or "the current one")
    for rid, named in versions.items():
        if len(named) > 1:
            clean = False
            text = f"{rid} is named in {len(named)} versions: {', '.join(sorted(named))}"
            across = subject.composition is not None and subject.composition.is_sweep
            make = warning if across and ("dataset", rid) not in subject.duplicates else failed
            yield make(GROUP, "versions", text, "choose one", subject=rid)
    for rid in sorted(versions.keys() & {asset.rid for asset in subject.assets}):
        clean = False
        yield failed(GROUP, "role", f"{rid} is named as a dataset and as an asset", "name it once", subject=rid)
    for result in _by_catalog(look):
        clean = False
        yield result
    total = len(subject.datasets) + len(subject.assets) + len(subject.files)
    if clean and total > 1:
        yield ok(GROUP, "together", f"{total} inputs, each named once")


def _by_catalog(look: CheckContext) -> Iterator[Result]:
    """What only the rows tell; a catalog that could not be asked is told by other groups."""
    if look.catalog is None:
        return
    try:
        rows = look.catalog.rows()
    except DmlError:
        return
    named = {dataset.rid for dataset in look.subject.datasets}
    for outer in sorted(named):
        below, todo = set[str](), [outer]
        while todo:
            for inner in rows.nested.get(todo.pop(), ()):
                if inner not in below:
                    below.add(inner)
                    todo.append(inner)
        for inner in sorted(below & named - {outer}):
            text = f"{inner} is nested in {outer}: its members come twice"
            yield warning(GROUP, "nested", text, f"name {outer} or {inner}", subject=inner)
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for asset in look.assets:
        found = rows.assets.get(asset.rid)
        if found is not None:
            names[found.table.name, str(found.row.get("Filename"))].append(asset.rid)
    for (table, name), rids in names.items():
        if len(set(rids)) > 1:
            text = f"{table}/{name} is the name of {len(set(rids))} inputs: {', '.join(sorted(set(rids)))}"
            yield warning(GROUP, "names", text, "tell them apart by their RID", subject=rids[0])
