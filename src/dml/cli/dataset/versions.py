"""``dml dataset mark-dev`` and ``release``: the versions of a dataset."""

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
    examples=[('dml dataset mark-dev 1-ABC -d "Labels corrected"', "Say that it differs from its last release.")],
)
def mark_dev(dataset: Rid, description: Description = "", execution: Execution = None) -> None:
    """Give a dataset its next development version."""
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
        ('dml dataset release 1-ABC -d "200 images more"', "The next minor version, with a snapshot."),
        ("dml dataset release 1-ABC --major", "The next major version."),
    ],
)
def release(
    dataset: Rid,
    description: Description = "",
    major: Annotated[bool, Option("--major", help="Raise the first number.")] = False,
    patch: Annotated[bool, Option("--patch", help="Raise the third number.")] = False,
    version: Annotated[str | None, Option("--version", metavar="VERSION", help="Exactly this number.")] = None,
    execution: Execution = None,
) -> None:
    """Release a dataset as it is now; without changes since the last release, nothing is done."""
    from dml.catalog.rows import validate_rid
    from dml.dataset.releases import release as make_release
    from dml.dataset.version import DatasetVersion, VersionPart
    from dml.errors import UsageError

    console = current().console
    if major + patch + (version is not None) > 1:
        raise UsageError("--major, --patch and --version exclude each other")
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
    said = "released" if done.made else "nothing to do: no change since"
    console.emit(
        "dataset.release",
        {"rid": row.dataset, "released": done.made, **_version(row)},
        lambda: console.print(f"{row.dataset}  {said} {row.text}"),
    )


def _version(row: Any) -> dict[str, Any]:
    document = version_document(row)
    return {**document, "version_rid": document.pop("rid")}
