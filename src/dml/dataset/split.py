"""Datasets made of parts of another: a split for training and testing, or a small representative subset.

Both read one version of the source, choose by :mod:`dml.dataset.partition`, and write new datasets under tokens
derived from one token, so that a repeat completes what was begun. No element comes to two parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dml.dataset.curation import create_dataset, new_token
from dml.dataset.lookup import DATASET, Dataset, ResolvedDataset, resolve
from dml.dataset.members import list_members
from dml.dataset.partition import partition, representative
from dml.dataset.spec import DatasetSpec
from dml.dataset.stratify import labels_of
from dml.dataset.version import DatasetVersion
from dml.errors import UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["PART_TYPES", "Choice", "Part", "Split", "make_subset", "plan_split", "split_dataset"]

PART_TYPES: Final[Mapping[str, str]] = {"training": "Training", "validation": "Validation", "testing": "Testing"}
"""The parts a split may have and the ``Dataset_Type`` of each."""


@dataclass(frozen=True)
class Choice:
    """How elements are chosen.

    Attributes:
        seed: The same seed chooses the same elements.
        stratify_by: A column or feature of the element table whose classes keep their proportions, or None.
        group_by: A column or feature whose equal values stay together, or None.
        element_table: The table to share out, ``schema:Table`` or its name; None when the source has only one.
    """

    seed: int = 0
    stratify_by: str | None = None
    group_by: str | None = None
    element_table: str | None = None


@dataclass(frozen=True)
class Part:
    """One part of a split: its name, the dataset made for it, and the RIDs of its elements."""

    name: str
    dataset: Dataset
    elements: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """The outcome of :func:`split_dataset`.

    Attributes:
        source: The version that was shared out.
        dataset: The dataset that holds the parts, of type ``Split``.
        parts: The parts, in the order they were asked for.
    """

    source: ResolvedDataset
    dataset: Dataset
    parts: tuple[Part, ...]


def plan_split(
    catalog: Catalog, source: ResolvedDataset, fractions: Mapping[str, float], choice: Choice
) -> dict[str, list[str]]:
    """Which elements come to which part; writes nothing.

    Args:
        catalog: Where to read.
        source: The version to share out; elements of nested datasets count.
        fractions: The share of each part by its name in ``PART_TYPES``; together 1.
        choice: How to choose.

    Raises:
        UsageError: An unknown part, shares that do not add up, or a table, column or feature that does not fit.
    """
    return _plan_split(catalog, source, fractions, choice)[1]


def split_dataset(
    catalog: Catalog,
    source: DatasetSpec | str,
    fractions: Mapping[str, float],
    choice: Choice | None = None,
    *,
    description: str = "",
    execution: str | None = None,
    version: DatasetVersion | str | None = None,
    token: str | None = None,
) -> Split:
    """Share the elements of a dataset out to new datasets, nested in one of type ``Split``.

    Args:
        catalog: Where to read and write.
        source: The dataset and version to share out; elements of nested datasets count.
        fractions: The share of each part by its name in ``PART_TYPES``; together 1.
        choice: How to choose.
        description: What the split is for; says where the elements are from when empty.
        execution: RID of the execution that makes the split, recorded as producer of every version.
        version: The number of the first versions; ``0.1.0`` when None.
        token: The same token makes the same datasets: a repeat completes them, or leaves them as they are.

    Raises:
        NotFoundError: No such dataset or version.
        UsageError: As :func:`plan_split`, or a part would be empty.
    """
    choice = choice or Choice()
    resolved = resolve(catalog, source)
    table, plan = _plan_split(catalog, resolved, fractions, choice)
    if empty := [name for name, elements in plan.items() if not elements]:
        raise UsageError(f"The part {empty[0]!r} would be empty: {resolved} has too few elements of {table}")
    token = token or new_token()
    about = description or f"Split of {resolved}"
    parts = tuple(
        Part(
            name,
            create_dataset(
                catalog,
                description=f"{about}: {name}, {len(elements)} of {table.partition(':')[2]}, seed {choice.seed}",
                types=[PART_TYPES[name]],
                members={table: elements},
                execution=execution,
                version=version,
                token=f"{token}/{name}",
            ),
            tuple(elements),
        )
        for name, elements in plan.items()
    )
    whole = create_dataset(
        catalog,
        description=about,
        types=["Split"],
        members={DATASET: [part.dataset.rid for part in parts]},
        execution=execution,
        version=version,
        token=f"{token}/split",
    )
    return Split(resolved, whole, parts)


def make_subset(
    catalog: Catalog,
    source: DatasetSpec | str,
    size: int,
    choice: Choice | None = None,
    *,
    description: str = "",
    execution: str | None = None,
    token: str | None = None,
) -> Part:
    """Make a small dataset that represents another: of a stated size, with every class in proportion.

    Args:
        catalog: Where to read and write.
        source: The dataset and version to choose from; elements of nested datasets count.
        size: How many elements.
        choice: How to choose; ``group_by`` does not apply.
        description: What the subset is for; says where the elements are from when empty.
        execution: RID of the execution that makes it, recorded as the version's producer.
        token: The same token makes the same dataset.

    Raises:
        NotFoundError: No such dataset or version.
        UsageError: Fewer elements than ``size`` or more classes, or a table, column or feature that does not fit.
    """
    choice = choice or Choice()
    resolved = resolve(catalog, source)
    reader = resolved.reader(catalog)
    table, elements = _elements(reader, resolved, choice)
    chosen = representative(
        elements, size, seed=choice.seed, labels=labels_of(reader, table, elements, choice.stratify_by)
    )
    dataset = create_dataset(
        catalog,
        description=description or f"Subset of {resolved}: {size} of {len(elements)}, seed {choice.seed}",
        types=[name for name in resolved.dataset.types if name not in ("Complete", "Split")],
        members={table: chosen},
        execution=execution,
        token=token,
    )
    return Part("subset", dataset, tuple(chosen))


def _plan_split(
    catalog: Catalog, source: ResolvedDataset, fractions: Mapping[str, float], choice: Choice
) -> tuple[str, dict[str, list[str]]]:
    if unknown := sorted(set(fractions) - set(PART_TYPES)):
        raise UsageError(f"A split has no part {unknown[0]!r}", hint=f"Parts are {', '.join(PART_TYPES)}.")
    reader = source.reader(catalog)
    table, elements = _elements(reader, source, choice)
    plan = partition(
        elements,
        fractions,
        seed=choice.seed,
        labels=labels_of(reader, table, elements, choice.stratify_by),
        groups=labels_of(reader, table, elements, choice.group_by),
    )
    return table, plan


def _elements(reader: Catalog, source: ResolvedDataset, choice: Choice) -> tuple[str, list[str]]:
    """The table that is shared out and its elements in the source."""
    members = list_members(reader, source.rid, recurse=True)
    members.pop(DATASET, None)
    if choice.element_table is not None:
        wanted = choice.element_table
        members = {table: rids for table, rids in members.items() if wanted in (table, table.partition(":")[2])}
    if len(members) == 1:
        return next(iter(members.items()))
    if choice.element_table is not None:
        raise UsageError(f"Dataset {source} has no elements of {choice.element_table}")
    if not members:
        raise UsageError(f"Dataset {source} has no elements")
    raise UsageError(
        f"Dataset {source} has elements of several tables: {', '.join(sorted(members))}",
        hint="Say which with --table.",
    )
