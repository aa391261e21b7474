"""Creates datasets from elements of another: a split for training and testing, or a small representative subset.

Both read one version of the source, choose by :mod:`dml.dataset.partition`, and write new datasets under tokens derived
from one token, so that a repeat completes what was begun. No element is in two parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.schema import DATASET
from dml.dataset.curation import create_dataset, new_token
from dml.dataset.lookup import resolve
from dml.dataset.members import list_members
from dml.dataset.partition import partition, stratified_sample
from dml.dataset.records import PART_TYPES, Dataset, ResolvedDataset
from dml.dataset.spec import DatasetSpec
from dml.dataset.stratify import labels_of
from dml.dataset.version import DatasetVersion
from dml.errors import UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = [
    "SamplingOptions",
    "Split",
    "SplitPart",
    "SplitPlan",
    "make_subset",
    "plan_split",
    "split_dataset",
]


@dataclass(frozen=True)
class SamplingOptions:
    """How elements are chosen.

    Attributes:
        seed: The same seed chooses the same elements.
        stratify_by: A column or feature of the element table whose classes keep their proportions, or None.
        group_by: A column or feature whose equal values stay together, or None.
        element_table: The table of the elements, ``schema:Table`` or its name; None when the source has only one.
    """

    seed: int = 0
    stratify_by: str | None = None
    group_by: str | None = None
    element_table: str | None = None


@dataclass(frozen=True)
class SplitPlan:
    """Which elements of a dataset version each part of a split gets.

    Attributes:
        source: The version.
        table: The table of the elements, ``schema:Table``.
        parts: RIDs of the elements by name of the part.
    """

    source: ResolvedDataset
    table: str
    parts: Mapping[str, list[str]]


@dataclass(frozen=True)
class SplitPart:
    """One part of a split: its name, its dataset, and the RIDs of its elements."""

    name: str
    dataset: Dataset
    elements: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """The result of :func:`split_dataset`.

    Attributes:
        source: The version that was split.
        dataset: The dataset of type ``Split`` that holds the parts.
        parts: The parts, in the order in which they were requested.
    """

    source: ResolvedDataset
    dataset: Dataset
    parts: tuple[SplitPart, ...]


def plan_split(
    catalog: Catalog, source: DatasetSpec | str, fractions: Mapping[str, float], options: SamplingOptions | None = None
) -> SplitPlan:
    """Decide which elements each part gets. Writes nothing.

    Args:
        catalog: Where to read.
        source: The dataset and version to split; elements of nested datasets are included.
        fractions: The fraction of each part by its name in ``PART_TYPES``, adding up to 1.
        options: How to choose.

    Raises:
        NotFoundError: No such dataset or version.
        UsageError: A part is unknown, the fractions are wrong, or the table, column or feature does not fit.
    """
    options = options or SamplingOptions()
    resolved = resolve(catalog, source)
    if unknown := sorted(set(fractions) - set(PART_TYPES)):
        raise UsageError(f"A split has no part {unknown[0]!r}", hint=f"Parts are {', '.join(PART_TYPES)}.")
    reader = resolved.reader(catalog)
    table, elements = _elements(reader, resolved, options)
    parts = partition(
        elements,
        fractions,
        seed=options.seed,
        labels=labels_of(reader, table, elements, options.stratify_by),
        groups=labels_of(reader, table, elements, options.group_by),
    )
    return SplitPlan(resolved, table, parts)


def split_dataset(
    catalog: Catalog,
    source: DatasetSpec | str,
    fractions: Mapping[str, float],
    options: SamplingOptions | None = None,
    *,
    description: str = "",
    execution: str | None = None,
    version: DatasetVersion | str | None = None,
    token: str | None = None,
) -> Split:
    """Distribute the elements of a dataset to new datasets, which are nested in one of type ``Split``.

    Args:
        catalog: Where to read and write.
        source: The dataset and version to split; elements of nested datasets are included.
        fractions: The fraction of each part by its name in ``PART_TYPES``, adding up to 1.
        options: How to choose.
        description: What the split is for; when empty, it says which version was split.
        execution: RID of the execution that makes the split, recorded as producer of every version.
        version: The first version of each dataset; None means ``0.1.0``.
        token: Identifies the datasets: a repeat with the same token completes them, or leaves them as they are.

    Raises:
        NotFoundError: No such dataset or version.
        UsageError: As :func:`plan_split`, or a part would be empty.
    """
    options = options or SamplingOptions()
    plan = plan_split(catalog, source, fractions, options)
    if empty := [name for name, elements in plan.parts.items() if not elements]:
        raise UsageError(f"The part {empty[0]!r} would be empty: {plan.source} has too few elements of {plan.table}")
    token = token or new_token()
    about = description or f"Split of {plan.source}"
    parts = tuple(
        SplitPart(
            name,
            create_dataset(
                catalog,
                description=f"{about}: {name}, {len(elements)} of {plan.table.partition(':')[2]}, seed {options.seed}",
                types=[PART_TYPES[name]],
                members={plan.table: elements},
                execution=execution,
                version=version,
                token=f"{token}/{name}",
            ),
            tuple(elements),
        )
        for name, elements in plan.parts.items()
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
    return Split(plan.source, whole, parts)


def make_subset(
    catalog: Catalog,
    source: DatasetSpec | str,
    size: int,
    options: SamplingOptions | None = None,
    *,
    description: str = "",
    execution: str | None = None,
    token: str | None = None,
) -> SplitPart:
    """Create a small dataset that represents another: of a given size, with every class in proportion.

    Args:
        catalog: Where to read and write.
        source: The dataset and version to choose from; elements of nested datasets are included.
        size: Number of elements.
        options: How to choose; ``group_by`` does not apply.
        description: What the subset is for; when empty, it says from which version it was chosen.
        execution: RID of the execution that creates it, recorded as producer of the version.
        token: Identifies the dataset: a repeat with the same token completes it, or leaves it as it is.

    Raises:
        NotFoundError: No such dataset or version.
        UsageError: There are fewer elements than ``size`` or more classes, or the table, column or feature does not
            fit.
    """
    options = options or SamplingOptions()
    resolved = resolve(catalog, source)
    reader = resolved.reader(catalog)
    table, elements = _elements(reader, resolved, options)
    labels = labels_of(reader, table, elements, options.stratify_by)
    sample = stratified_sample(elements, size, seed=options.seed, labels=labels)
    dataset = create_dataset(
        catalog,
        description=description or f"Subset of {resolved}: {size} of {len(elements)}, seed {options.seed}",
        types=[name for name in resolved.dataset.types if name not in ("Complete", "Split")],
        members={table: sample},
        execution=execution,
        token=token,
    )
    return SplitPart("subset", dataset, tuple(sample))


def _elements(reader: Catalog, source: ResolvedDataset, options: SamplingOptions) -> tuple[str, list[str]]:
    """The element table and its elements in the source."""
    members = list_members(reader, source.rid, recurse=True)
    members.pop(DATASET, None)
    wanted = options.element_table
    if wanted is not None:
        members = {table: rids for table, rids in members.items() if wanted in (table, table.partition(":")[2])}
    if len(members) == 1:
        return next(iter(members.items()))
    if wanted is not None:
        raise UsageError(f"Dataset {source} has no elements of {wanted}")
    if not members:
        raise UsageError(f"Dataset {source} has no elements")
    raise UsageError(
        f"Dataset {source} has elements of several tables: {', '.join(sorted(members))}",
        hint="Choose one with --table.",
    )
