"""``dml dataset split`` and ``subset``: derive datasets from another."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Option

from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.dataset._common import Description, Execution, Token, Versioned, app, optional_rid
from dml.cli.dataset.view import dataset_document
from dml.formatting import pluralize

Seed = Annotated[int, Option("--seed", metavar="N", help="Random seed; the same seed selects the same elements.")]
StratifyBy = Annotated[
    str | None, Option("--stratify-by", metavar="NAME", help="Column or feature whose class proportions are preserved.")
]
GroupBy = Annotated[
    str | None, Option("--group-by", metavar="NAME", help="Column or feature whose equal values are kept together.")
]
Table = Annotated[str | None, Option("--table", metavar="TABLE", help="The element table, if the dataset has several.")]


@command(
    app,
    "split",
    examples=[
        (
            "dml dataset split 1-ABC@1.0.0 --training 0.8 --testing 0.2 --stratify-by Diagnosis",
            "Split into two parts with equal class proportions.",
        ),
        (
            "dml dataset split 1-ABC --training 0.7 --validation 0.1 --testing 0.2 --group-by Subject --dry-run",
            "Preview a three-way split that keeps each subject in one part.",
        ),
    ],
)
def split(
    dataset: Versioned,
    training: Annotated[float, Option("--training", metavar="SHARE", help="Fraction of elements for training.")] = 0.8,
    validation: Annotated[
        float, Option("--validation", metavar="SHARE", help="Fraction of elements for validation.")
    ] = 0.0,
    testing: Annotated[float, Option("--testing", metavar="SHARE", help="Fraction of elements for testing.")] = 0.2,
    seed: Seed = 0,
    stratify_by: StratifyBy = None,
    group_by: GroupBy = None,
    table: Table = None,
    description: Description = "",
    execution: Execution = None,
    token: Token = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Show what the parts would be; create nothing.")] = False,
) -> None:
    """Split the elements of a dataset into disjoint training, validation and testing datasets."""
    from dml.dataset.split import SamplingOptions, plan_split, split_dataset

    console, catalog = current().console, open_catalog()
    options = SamplingOptions(seed, stratify_by, group_by, table)
    shares = {"training": training, "validation": validation, "testing": testing}
    shares = {name: share for name, share in shares.items() if share != 0}
    if dry_run:
        plan = plan_split(catalog, dataset, shares, options)
        document: dict[str, Any] = {
            "source": str(plan.source),
            "rid": None,
            "parts": {name: {"rid": None, "size": len(elements)} for name, elements in plan.parts.items()},
        }
    else:
        made = split_dataset(
            catalog, dataset, shares, options, description=description, execution=optional_rid(execution), token=token
        )
        document = {
            "source": str(made.source),
            "rid": made.dataset.rid,
            "parts": {part.name: {"rid": part.dataset.rid, "size": len(part.elements)} for part in made.parts},
        }

    def render() -> None:
        console.print(f"{document['rid'] or 'plan'}  split of {document['source']}")
        for name, part in document["parts"].items():
            console.print(f"  {name}  {part['rid'] or ''}  {pluralize(part['size'], 'element')}")

    console.emit("dataset.split", document, render)


@command(
    app,
    "subset",
    examples=[
        ("dml dataset subset 1-ABC --size 50 --stratify-by Digit", "Select fifty elements that cover every class.")
    ],
)
def subset(
    dataset: Versioned,
    size: Annotated[int, Option("--size", metavar="N", min=1, help="Number of elements.")],
    seed: Seed = 0,
    stratify_by: StratifyBy = None,
    table: Table = None,
    description: Description = "",
    execution: Execution = None,
    token: Token = None,
) -> None:
    """Create a small representative subset of a dataset, for development."""
    from dml.dataset.split import SamplingOptions, make_subset

    console = current().console
    made = make_subset(
        open_catalog(),
        dataset,
        size,
        SamplingOptions(seed, stratify_by, None, table),
        description=description,
        execution=optional_rid(execution),
        token=token,
    )
    document = {**dataset_document(made.dataset), "size": len(made.elements)}
    console.emit(
        "dataset.subset",
        document,
        lambda: console.print(f"{made.dataset.rid}  {made.dataset.description}"),
    )
