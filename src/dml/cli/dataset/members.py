"""``dml dataset create``, ``add``, ``remove``, ``delete`` and ``element-type``: change datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.dataset._common import Description, Execution, Rid, Token, app, optional_rid
from dml.cli.dataset.view import dataset_document
from dml.formatting import pluralize

MemberRids = Annotated[list[str] | None, Argument(metavar="RID…", help="RIDs of elements, from any element table.")]
MemberFile = Annotated[
    Path | None,
    Option("--from", metavar="FILE", help="Read more RIDs from a file, one per line; - reads standard input."),
]


@command(
    app,
    "create",
    examples=[
        ('dml dataset create -d "Retina, all" --type Complete', "Create an empty dataset, version 0.1.0."),
        ('dml dataset create -d "Reviewed" --from rids.txt', "Create a dataset with the elements listed in a file."),
    ],
)
def create(
    members: MemberRids = None,
    description: Description = "",
    types: Annotated[
        list[str] | None, Option("--type", metavar="NAME", help="A Dataset_Type term; may be repeated.")
    ] = None,
    member_file: MemberFile = None,
    version: Annotated[str, Option("--version", metavar="VERSION", help="The first version.")] = "0.1.0",
    execution: Execution = None,
    token: Token = None,
) -> None:
    """Create a dataset with its first released version."""
    from dml.dataset.curation import create_dataset, new_token
    from dml.dataset.members import group_by_table
    from dml.errors import DmlError, UsageError

    console, catalog = current().console, open_catalog()
    if not description:
        raise UsageError("a dataset needs a description", hint='Give -d "What it is".')
    wanted = group_by_table(catalog, [*(members or []), *_read_rids(member_file)])
    token = token or new_token()
    try:
        made = create_dataset(
            catalog,
            description=description,
            types=types or (),
            members=wanted,
            execution=optional_rid(execution),
            version=version,
            token=token,
        )
    except UsageError:
        raise
    except DmlError as error:
        error.hint = "\n".join(filter(None, (error.hint, f"Run the same command with --token {token} to complete it.")))
        raise
    console.emit(
        "dataset.create",
        {**dataset_document(made), "token": token, "members": {table: len(rids) for table, rids in wanted.items()}},
        lambda: console.print(f"{made.rid}  version {version}, {pluralize(sum(map(len, wanted.values())), 'member')}"),
    )


@command(
    app,
    "add",
    examples=[
        ("dml dataset add 1-ABC 2-IMG1 2-IMG2", "Add two elements; this creates a development version."),
        ("dml dataset add 1-ABC 1-DEF", "Nest a dataset in another."),
    ],
)
def add(
    dataset: Rid,
    members: MemberRids = None,
    member_file: MemberFile = None,
    description: Description = "",
    execution: Execution = None,
) -> None:
    """Add elements or nested datasets to a dataset."""
    from dml.dataset.members import add_members

    _change(add_members, "add", "added", dataset, members, member_file, description, execution)


@command(app, "remove", examples=[("dml dataset remove 1-ABC 2-IMG1", "Remove an element; released versions keep it.")])
def remove(
    dataset: Rid,
    members: MemberRids = None,
    member_file: MemberFile = None,
    description: Description = "",
    execution: Execution = None,
) -> None:
    """Remove elements or nested datasets from a dataset; released versions are unchanged."""
    from dml.dataset.members import remove_members

    _change(remove_members, "remove", "removed", dataset, members, member_file, description, execution)


@command(
    app,
    "delete",
    examples=[("dml dataset delete 1-ABC --yes", "Mark it as deleted; rows, versions and lineage are kept.")],
)
def delete(
    dataset: Rid,
    recurse: Annotated[
        bool, Option("--recurse", help="Also mark nested datasets that are in no other dataset.")
    ] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Mark a dataset as deleted."""
    from dml.catalog.rows import validate_rid
    from dml.cli.app.prompts import confirm
    from dml.dataset.curation import delete_dataset

    console = current().console
    rid = validate_rid(dataset)
    confirm(f"Mark dataset {rid} as deleted?", yes=yes)
    marked = delete_dataset(open_catalog(), rid, recurse=recurse)
    text = f"deleted {', '.join(marked)}" if marked else f"{rid}  already deleted; nothing to do"
    console.emit("dataset.delete", {"rid": rid, "deleted": marked}, lambda: console.print(text))


@command(
    app,
    "element-type",
    examples=[("dml dataset element-type Image", "Allow images as members of datasets.")],
)
def element_type(
    table: Annotated[str, Argument(metavar="TABLE", help="The table: schema:Table or just its name.")],
) -> None:
    """Allow rows of a table as members of datasets."""
    from dml.catalog.definitions import add_dataset_element_type

    console = current().console
    made = add_dataset_element_type(open_catalog(), table)
    console.emit(
        "dataset.element-type",
        {"table": made.element.qualified_name, "association": made.association.qualified_name},
        lambda: console.print(
            f"rows of {made.element.qualified_name} can now be members, through {made.association.qualified_name}"
        ),
    )


def _change(
    function: Any,
    verb: str,
    done: str,
    dataset: str,
    members: list[str] | None,
    member_file: Path | None,
    description: str,
    execution: str | None,
) -> None:
    from dml.catalog.rows import validate_rid
    from dml.dataset.lookup import find_dataset

    console, catalog = current().console, open_catalog()
    rid = validate_rid(dataset)
    rids = [validate_rid(member) for member in [*(members or []), *_read_rids(member_file)]]
    changed = function(catalog, rid, rids, description=description, execution=optional_rid(execution))
    after = find_dataset(catalog, rid)
    number = sum(map(len, changed.values()))
    text = f"{pluralize(number, 'member')} {done}" if number else "nothing to do"
    console.emit(
        f"dataset.{verb}",
        {**dataset_document(after), done: changed},
        lambda: console.print(f"{rid}  {text}; version {after.current.text if after.current else 'none'}"),
    )


def _read_rids(path: Path | None) -> list[str]:
    """The words of a file or of standard input; lines that begin with ``#`` are comments."""
    import sys

    from dml.errors import UsageError
    from dml.safe_text import safe

    if path is None:
        return []
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {safe(path)}: {safe(error)}") from error
    return [word for line in text.splitlines() if not line.startswith("#") for word in line.split()]
