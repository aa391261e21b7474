"""``dml dataset list``, ``show`` and ``history``: inspect datasets and their versions."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.paging import DEFAULT_LIMIT, Limit, say_cut
from dml.cli.dataset._common import Rid, Versioned, app
from dml.cli.dataset.view import (
    dataset_document,
    print_counts,
    print_datasets,
    print_versions,
    version_document,
)


@command(
    app,
    "list",
    examples=[
        ("dml dataset list", "The datasets of the catalog with their current versions."),
        ("dml dataset list --type Training --json", "Only one type, as JSON."),
    ],
)
def list_(
    dataset_type: Annotated[str | None, Option("--type", metavar="NAME", help="Only datasets of this type.")] = None,
    deleted: Annotated[bool, Option("--deleted", help="Include datasets marked as deleted.")] = False,
    limit: Limit = DEFAULT_LIMIT,
) -> None:
    """List datasets with their types and current versions, newest first."""
    from dml.dataset.lookup import datasets_page

    console = current().console
    catalog = open_catalog()
    datasets, more = datasets_page(catalog, dataset_type=dataset_type, deleted=deleted, limit=limit or None)
    document = {"datasets": [dataset_document(dataset) for dataset in datasets], "more": more}

    def render() -> None:
        print_datasets(console, datasets)
        say_cut(console, len(datasets), more)

    console.emit("dataset.list", document, render)


@command(
    app,
    "show",
    examples=[
        ("dml dataset show 1-ABC", "The current version of a dataset."),
        ("dml dataset show 1-ABC@1.2.0", "A released version of a dataset."),
    ],
)
def show(dataset: Versioned) -> None:
    """Show a dataset: types, versions and number of elements of each table."""
    from dml.dataset.describe import describe
    from dml.dataset.spec import DatasetSpec

    console, catalog = current().console, open_catalog()
    spec = DatasetSpec.parse(dataset)
    described = describe(catalog, spec)
    record, counts, nested = described.dataset, described.counts, described.nested
    link = catalog.chaise_path(spec.rid)
    snapshot = described.version.snapshot if described.version is not None else None
    permanent = f"{link}@{snapshot}" if snapshot and not catalog.target.snapshot else None
    document = {
        **dataset_document(record),
        "link": link,
        "permanent_link": permanent,
        "shown_version": str(spec.version) if spec.version else None,
        "members": counts,
        "nested": nested,
        "history": [version_document(row) for row in record.versions],
    }

    def render() -> None:
        state = " · deleted" if record.deleted else ""
        console.print(f"{record.rid}  {record.description}{state}")
        console.print(f"  types {', '.join(record.types) or 'none'}")
        if spec.version:
            console.print(f"  members as of {spec.version}")
        print_counts(console, counts)
        if nested:
            console.print(f"  nested {', '.join(nested)}")
        print_versions(console, record.versions)
        console.print(f"  link {permanent or link}")

    console.emit("dataset.show", document, render)


@command(app, "history", examples=[("dml dataset history 1-ABC", "Its versions, newest first.")])
def history(dataset: Rid) -> None:
    """Show the versions of a dataset with their producers and snapshots, newest first."""
    from dml.catalog.rows import validate_rid
    from dml.dataset.lookup import history as versions_of

    console = current().console
    rid = validate_rid(dataset)
    versions = versions_of(open_catalog(), rid)
    document = {"rid": rid, "versions": [version_document(row) for row in versions]}
    console.emit("dataset.history", document, lambda: print_versions(console, versions))
