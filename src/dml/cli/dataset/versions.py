"""``dml dataset mark-dev`` and ``release``: create versions of a dataset."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Option

from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.dataset._common import Description, Execution, Rid, app, optional_rid
from dml.cli.dataset.view import version_document


@command(
    app,
    "mark-dev",
    examples=[
        ('dml dataset mark-dev 1-ABC -d "Labels corrected"', "Record that it has changed since its last release.")
    ],
)
def mark_dev(dataset: Rid, description: Description = "", execution: Execution = None) -> None:
    """Create the next development version of a dataset."""
    from dml.catalog.rows import validate_rid
    from dml.dataset.releases import mark_dev as mark

    console = current().console
    row = mark(open_catalog(), validate_rid(dataset), description=description, execution=optional_rid(execution))
    console.emit(
        "dataset.mark-dev",
        {"rid": row.dataset, **_version(row)},
        lambda: console.print(f"{row.dataset}  version {row.text}"),
    )


@command(
    app,
    "release",
    examples=[
        ('dml dataset release 1-ABC -d "200 images more"', "Release the next minor version, with a snapshot."),
        ("dml dataset release 1-ABC --major", "Release the next major version."),
    ],
)
def release(
    dataset: Rid,
    description: Description = "",
    major: Annotated[bool, Option("--major", help="Increment the major version.")] = False,
    patch: Annotated[bool, Option("--patch", help="Increment the patch version.")] = False,
    version: Annotated[str | None, Option("--version", metavar="VERSION", help="Release exactly this version.")] = None,
    execution: Execution = None,
) -> None:
    """Release the current state of a dataset; does nothing without changes since the last release."""
    from dml.catalog.rows import validate_rid
    from dml.dataset.releases import release as make_release
    from dml.dataset.version import DatasetVersion, VersionPart
    from dml.errors import UsageError

    console = current().console
    if major + patch + (version is not None) > 1:
        raise UsageError("--major, --patch and --version are mutually exclusive")
    part = VersionPart.major if major else VersionPart.patch if patch else VersionPart.minor
    done = make_release(
        open_catalog(),
        validate_rid(dataset),
        part,
        description=description,
        execution=optional_rid(execution),
        version=DatasetVersion(version) if version else None,
    )
    row = done.row
    outcome = "released" if done.made else "nothing to do: unchanged since"
    console.emit(
        "dataset.release",
        {"rid": row.dataset, "released": done.made, **_version(row)},
        lambda: console.print(f"{row.dataset}  {outcome} {row.text}"),
    )


def _version(row: Any) -> dict[str, Any]:
    document = version_document(row)
    return {**document, "version_rid": document.pop("rid")}
