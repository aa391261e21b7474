"""``dml dataset``: find, make, change and release datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from dml.cli import dataset_wide
from dml.cli.dataset_frame import Versioned, app
from dml.cli.dataset_view import (
    dataset_document,
    print_counts,
    print_datasets,
    print_versions,
    version_document,
)
from dml.cli.formatting import count
from dml.cli.frame import command, current
from dml.cli.opening import open_catalog

__all__ = ["app", "dataset_wide"]

Rid = Annotated[str, Argument(metavar="RID", help="The dataset.")]
MemberRids = Annotated[list[str] | None, Argument(metavar="RID…", help="Elements, of any element table.")]
MemberFile = Annotated[
    Path | None, Option("--from", metavar="FILE", help="More element RIDs, one a line; - reads standard input.")
]
Description = Annotated[str, Option("--description", "-d", metavar="TEXT", help="What it is, or what changes.")]
Execution = Annotated[
    str | None, Option("--execution", metavar="RID", help="The execution recorded as producer of the version.")
]
Token = Annotated[
    str | None, Option("--token", metavar="TEXT", help="The same token completes what an earlier call began.")
]
Seed = Annotated[int, Option("--seed", help="The same seed chooses the same elements.")]
StratifyBy = Annotated[
    str | None, Option("--stratify-by", metavar="NAME", help="Column or feature whose classes keep their proportions.")
]
GroupBy = Annotated[
    str | None, Option("--group-by", metavar="NAME", help="Column or feature whose equal values stay together.")
]
Table = Annotated[
    str | None, Option("--table", metavar="TABLE", help="The element table, when the dataset has several.")
]


@command(
    app,
    "list",
    examples=[
        ("dml dataset list", "The datasets of the catalog with their current versions."),
        ("dml dataset list --type Training --json", "Those of one type, for a program."),
    ],
)
def list_(
    dataset_type: Annotated[str | None, Option("--type", metavar="NAME", help="Only datasets of this type.")] = None,
    deleted: Annotated[bool, Option("--deleted", help="Also those marked as deleted.")] = False,
) -> None:
    """List datasets with their types and current versions."""
    from dml.dataset.lookup import list_datasets

    console = current().console
    found = list_datasets(open_catalog(), dataset_type=dataset_type, deleted=deleted)
    document = {"datasets": [dataset_document(one) for one in found]}
    console.emit("dataset.list", document, lambda: print_datasets(console, found))


@command(
    app,
    "show",
    examples=[
        ("dml dataset show 1-ABC", "The dataset as it is now."),
        ("dml dataset show 1-ABC@1.2.0", "What it held in a released version."),
    ],
)
def show(dataset: Versioned) -> None:
    """Show a dataset: its types, versions, and how many elements of each table it holds."""
    from dml.dataset.lookup import find_dataset, resolve
    from dml.dataset.members import descendants, member_counts
    from dml.dataset.spec import DatasetSpec

    console, catalog = current().console, open_catalog()
    spec = DatasetSpec.parse(dataset)
    found = find_dataset(catalog, spec.rid, deleted=True)
    reader = resolve(catalog, spec).reader(catalog) if spec.version else catalog
    counts, nested = member_counts(reader, spec.rid), descendants(reader, [spec.rid])
    document = {
        **dataset_document(found),
        "shown_version": str(spec.version) if spec.version else None,
        "members": counts,
        "nested": nested,
        "history": [version_document(row) for row in found.versions],
    }

    def render() -> None:
        state = " · deleted" if found.deleted else ""
        console.print(f"{found.rid}  {found.description}{state}")
        console.print(f"  types {', '.join(found.types) or 'none'}")
        if spec.version:
            console.print(f"  members as of {spec.version}")
        print_counts(console, counts)
        if nested:
            console.print(f"  nested {', '.join(nested)}")
        print_versions(console, found.versions)

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


@command(
    app,
    "create",
    examples=[
        ('dml dataset create -d "Retina, all" --type Complete', "A dataset without elements, version 0.1.0."),
        ('dml dataset create -d "Reviewed" --from rids.txt', "With the elements a file names."),
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
    """Make a dataset with its first released version."""
    from dml.dataset.curation import create_dataset, new_token
    from dml.dataset.members import by_table
    from dml.errors import DmlError, UsageError

    console, catalog = current().console, open_catalog()
    if not description:
        raise UsageError("A dataset needs a description", hint='Give -d "What it is".')
    wanted = by_table(catalog, [*(members or []), *_read_rids(member_file)])
    token = token or new_token()
    try:
        made = create_dataset(
            catalog,
            description=description,
            types=types or (),
            members=wanted,
            execution=_rid(execution),
            version=version,
            token=token,
        )
    except UsageError:
        raise
    except DmlError as error:
        error.hint = "\n".join(filter(None, (error.hint, f"The same command with --token {token} completes it.")))
        raise
    console.emit(
        "dataset.create",
        {**dataset_document(made), "token": token, "members": {table: len(rids) for table, rids in wanted.items()}},
        lambda: console.print(f"{made.rid}  version {version}, {count(sum(map(len, wanted.values())), 'member')}"),
    )


@command(
    app,
    "add",
    examples=[
        ("dml dataset add 1-ABC 2-IMG1 2-IMG2", "Add two elements; the version becomes a development one."),
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


@command(app, "remove", examples=[("dml dataset remove 1-ABC 2-IMG1", "Take an element out; releases keep it.")])
def remove(
    dataset: Rid,
    members: MemberRids = None,
    member_file: MemberFile = None,
    description: Description = "",
    execution: Execution = None,
) -> None:
    """Take elements or nested datasets out of a dataset; what was released stays as it is."""
    from dml.dataset.members import remove_members

    _change(remove_members, "remove", "removed", dataset, members, member_file, description, execution)


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
    rids = [validate_rid(one) for one in [*(members or []), *_read_rids(member_file)]]
    changed = function(catalog, rid, rids, description=description, execution=_rid(execution))
    after = find_dataset(catalog, rid)
    number = sum(map(len, changed.values()))
    said = f"{count(number, 'member')} {done}" if number else "nothing to do"
    console.emit(
        f"dataset.{verb}",
        {**dataset_document(after), done: changed},
        lambda: console.print(f"{rid}  {said}; version {after.current.text if after.current else 'none'}"),
    )


@command(
    app,
    "split",
    examples=[
        (
            "dml dataset split 1-ABC@1.0.0 --training 0.8 --testing 0.2 --stratify-by Diagnosis",
            "Two nested datasets with the classes in proportion.",
        ),
        (
            "dml dataset split 1-ABC --training 0.7 --validation 0.1 --testing 0.2 --group-by Subject --dry-run",
            "How many elements three parts would have, no subject in two.",
        ),
    ],
)
def split(
    dataset: Versioned,
    training: Annotated[float, Option("--training", metavar="SHARE", help="Share of the training part.")] = 0.8,
    validation: Annotated[float, Option("--validation", metavar="SHARE", help="Share of the validation part.")] = 0.0,
    testing: Annotated[float, Option("--testing", metavar="SHARE", help="Share of the testing part.")] = 0.2,
    seed: Seed = 0,
    stratify_by: StratifyBy = None,
    group_by: GroupBy = None,
    table: Table = None,
    description: Description = "",
    execution: Execution = None,
    token: Token = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what the parts would be.")] = False,
) -> None:
    """Share the elements of a dataset out to training, validation and testing; none comes to two parts."""
    from dml.dataset.lookup import resolve
    from dml.dataset.split import Choice, plan_split, split_dataset

    console, catalog = current().console, open_catalog()
    choice = Choice(seed, stratify_by, group_by, table)
    shares = {"training": training, "validation": validation, "testing": testing}
    shares = {name: share for name, share in shares.items() if share != 0}
    if dry_run:
        source = resolve(catalog, dataset)
        plan = plan_split(catalog, source, shares, choice)
        document: dict[str, Any] = {
            "source": str(source),
            "rid": None,
            "parts": {name: {"rid": None, "size": len(elements)} for name, elements in plan.items()},
        }
    else:
        made = split_dataset(
            catalog, dataset, shares, choice, description=description, execution=_rid(execution), token=token
        )
        document = {
            "source": str(made.source),
            "rid": made.dataset.rid,
            "parts": {part.name: {"rid": part.dataset.rid, "size": len(part.elements)} for part in made.parts},
        }

    def render() -> None:
        console.print(f"{document['rid'] or 'plan'}  split of {document['source']}")
        for name, part in document["parts"].items():
            console.print(f"  {name}  {part['rid'] or ''}  {count(part['size'], 'element')}")

    console.emit("dataset.split", document, render)


@command(
    app,
    "subset",
    examples=[("dml dataset subset 1-ABC --size 50 --stratify-by Digit", "Fifty elements, every class among them.")],
)
def subset(
    dataset: Versioned,
    size: Annotated[int, Option("--size", metavar="N", min=1, help="How many elements.")],
    seed: Seed = 0,
    stratify_by: StratifyBy = None,
    table: Table = None,
    description: Description = "",
    execution: Execution = None,
    token: Token = None,
) -> None:
    """Make a small dataset that represents another, for development."""
    from dml.dataset.split import Choice, make_subset

    console = current().console
    made = make_subset(
        open_catalog(),
        dataset,
        size,
        Choice(seed, stratify_by, None, table),
        description=description,
        execution=_rid(execution),
        token=token,
    )
    document = {**dataset_document(made.dataset), "size": len(made.elements)}
    console.emit(
        "dataset.subset",
        document,
        lambda: console.print(f"{made.dataset.rid}  {made.dataset.description}"),
    )


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
    row = mark(open_catalog(), validate_rid(dataset), description=description, execution=_rid(execution))
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
        execution=_rid(execution),
        version=DatasetVersion(version) if version else None,
    )
    row = done.row
    said = "released" if done.made else "nothing to do: no change since"
    console.emit(
        "dataset.release",
        {"rid": row.dataset, "released": done.made, **_version(row)},
        lambda: console.print(f"{row.dataset}  {said} {row.text}"),
    )


@command(
    app,
    "delete",
    examples=[("dml dataset delete 1-ABC --yes", "Mark it as deleted; rows, versions and lineage stay.")],
)
def delete(
    dataset: Rid,
    recurse: Annotated[bool, Option("--recurse", help="Also the datasets nested in it that no other holds.")] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Mark a dataset as deleted."""
    from dml.catalog.rows import validate_rid
    from dml.cli.prompts import confirm
    from dml.dataset.curation import delete_dataset

    console = current().console
    rid = validate_rid(dataset)
    confirm(f"Mark dataset {rid} as deleted?", yes=yes)
    marked = delete_dataset(open_catalog(), rid, recurse=recurse)
    said = f"deleted {', '.join(marked)}" if marked else f"{rid}  nothing to do: deleted already"
    console.emit("dataset.delete", {"rid": rid, "deleted": marked}, lambda: console.print(said))


@command(
    app,
    "element-type",
    examples=[("dml dataset element-type Image", "From now on, images may be members of datasets.")],
)
def element_type(table: Annotated[str, Argument(metavar="TABLE", help="schema:Table, or its name alone.")]) -> None:
    """Allow the rows of a table as members of datasets."""
    from dml.catalog.definitions import add_dataset_element_type

    console = current().console
    made = add_dataset_element_type(open_catalog(), table)
    console.emit(
        "dataset.element-type",
        {"table": made.element.qualified_name, "association": made.association.qualified_name},
        lambda: console.print(
            f"rows of {made.element.qualified_name} may be members, by {made.association.qualified_name}"
        ),
    )


def _version(row: Any) -> dict[str, Any]:
    document = version_document(row)
    return {**document, "version_rid": document.pop("rid")}


def _rid(text: str | None) -> str | None:
    from dml.catalog.rows import validate_rid

    return None if text is None else validate_rid(text)


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
