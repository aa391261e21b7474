"""Distributes elements to parts: seeded, stratified, in groups that stay together. Pure functions.

The result depends on the set of elements, their labels and groups, and the seed, not on the order in which a catalog
returns them.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction

from dml.errors import UsageError

__all__ = ["partition", "stratified_sample"]

_UNLABELLED = ""


def partition(
    elements: Iterable[str],
    fractions: Mapping[str, float],
    *,
    seed: int,
    labels: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
) -> dict[str, list[str]]:
    """Distribute elements to named parts, each to exactly one.

    Args:
        elements: What to distribute; duplicates count once.
        fractions: The fraction of each part, all positive, adding up to 1.
        seed: The same seed gives the same parts.
        labels: A class for each element. Within every class the size of each part differs from its fraction by less
            than one unit. Elements without a label form a class of their own.
        groups: Elements of the same group go to the same part (all images of a subject, for example). Fractions are
            then counted in groups, and the class of a group is its most frequent label. An element without a group is
            a group of its own.

    Returns:
        The elements of each part, sorted, by part in the order of ``fractions``.

    Raises:
        UsageError: The fractions do not add up to 1, or one is not positive.
    """
    shares = _shares(fractions)
    units = _units(elements, groups)
    strata = _strata(units, labels or {})
    generator = random.Random(seed)  # noqa: S311 - reproducible, not secret
    parts: dict[str, list[str]] = {name: [] for name in shares}
    owed: dict[str, Fraction] = dict.fromkeys(shares, Fraction(0))
    for label in sorted(strata):
        names = strata[label]
        generator.shuffle(names)
        start = 0
        for part, count in _sizes(len(names), shares, owed).items():
            for name in names[start : start + count]:
                parts[part].extend(units[name])
            start += count
    return {name: sorted(members) for name, members in parts.items()}


def stratified_sample(
    elements: Iterable[str], size: int, *, seed: int, labels: Mapping[str, str] | None = None
) -> list[str]:
    """A sample of a given size that contains every class, in proportion as far as possible.

    Args:
        elements: The population; duplicates count once.
        size: Number of elements in the sample.
        seed: The same seed gives the same sample.
        labels: A class for each element; elements without one form a class of their own.

    Returns:
        The sample, sorted.

    Raises:
        UsageError: There are fewer elements than ``size``, or more classes.
    """
    strata = _strata({name: [name] for name in set(elements)}, labels or {})
    total = sum(map(len, strata.values()))
    if not 0 < size <= total:
        raise UsageError(f"A subset of {size} cannot be chosen from {total} elements")
    if size < len(strata):
        raise UsageError(
            f"A subset of {size} cannot contain all {len(strata)} classes", hint=f"Choose at least {len(strata)}."
        )
    generator = random.Random(seed)  # noqa: S311 - reproducible, not secret
    exact = {label: Fraction(len(names) * size, total) for label, names in sorted(strata.items())}
    # Every class gets at least one element. If that is too many, the class furthest above its exact number gives one
    # up; if it is too few, the class furthest below gets one more.
    counts = {label: max(1, int(share)) for label, share in exact.items()}
    while sum(counts.values()) > size:
        shrinkable = (label for label in counts if counts[label] > 1)
        counts[max(shrinkable, key=lambda label: (counts[label] - exact[label], label))] -= 1
    while sum(counts.values()) < size:
        counts[max(counts, key=lambda label: (exact[label] - counts[label], label))] += 1
    sample: list[str] = []
    for label, count in counts.items():
        sample.extend(generator.sample(strata[label], count))
    return sorted(sample)


def _shares(fractions: Mapping[str, float]) -> dict[str, Fraction]:
    shares = {name: Fraction(str(value)) for name, value in fractions.items()}
    total = sum(shares.values(), Fraction(0))
    if any(share <= 0 for share in shares.values()) or abs(total - 1) > Fraction(1, 10**9):
        given = ", ".join(f"{name} {value}" for name, value in fractions.items()) or "none"
        raise UsageError(f"The fractions of the parts must be positive and add up to 1, not {given}")
    return {name: share / total for name, share in shares.items()}


def _units(elements: Iterable[str], groups: Mapping[str, str] | None) -> dict[str, list[str]]:
    """Elements by group; the prefixes distinguish a group from an ungrouped element of the same name."""
    units: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(elements)):
        group = (groups or {}).get(name)
        units[f"element {name}" if group is None else f"group {group}"].append(name)
    return dict(units)


def _strata(units: Mapping[str, list[str]], labels: Mapping[str, str]) -> dict[str, list[str]]:
    """Names of units by their most frequent label."""
    strata: dict[str, list[str]] = defaultdict(list)
    for name in sorted(units):
        counts = Counter(labels.get(element, _UNLABELLED) for element in units[name])
        strata[min(counts, key=lambda label: (-counts[label], label))].append(name)
    return dict(strata)


def _sizes(size: int, shares: Mapping[str, Fraction], owed: dict[str, Fraction]) -> dict[str, int]:
    """Sizes of the parts for one class, rounded to whole numbers.

    ``owed`` carries what rounding took from each part over to the next classes, so that it does not add up.
    """
    exact = {part: share * size for part, share in shares.items()}
    sizes = {part: int(value) for part, value in exact.items()}
    for part, value in exact.items():
        owed[part] += value - sizes[part]
    uneven = sorted((part for part in exact if exact[part] != sizes[part]), key=lambda part: owed[part], reverse=True)
    for part in uneven[: size - sum(sizes.values())]:
        sizes[part] += 1
        owed[part] -= 1
    return sizes
