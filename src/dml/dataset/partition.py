"""How elements are shared out: seeded, stratified, and by groups that stay together. Pure functions.

The result depends on the set of elements, their labels and groups, and the seed; not on the order in which a catalog
returned them.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction

from dml.errors import UsageError

__all__ = ["partition", "representative"]

_UNLABELLED = ""


def partition(
    elements: Iterable[str],
    fractions: Mapping[str, float],
    *,
    seed: int,
    labels: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
) -> dict[str, list[str]]:
    """Share elements out to named parts; each element comes to exactly one.

    Args:
        elements: What to share out; duplicates count once.
        fractions: Each part's share, more than 0; together 1.
        seed: The same seed gives the same parts.
        labels: A class for each element. Within every class the parts' sizes differ from their shares by less
            than one unit. Elements without a label form a class of their own.
        groups: Elements with the same group go to the same part (all images of one subject, say); shares are then
            counted in groups, and a group's class is the most frequent label in it. An element without a group
            is a group of its own.

    Returns:
        The elements of each part, sorted, by part in the order of ``fractions``.

    Raises:
        UsageError: The fractions do not add up to 1, or one is not positive.
    """
    shares = _shares(fractions)
    units = _units(elements, groups)
    strata = _strata(units, labels or {})
    chooser = random.Random(seed)  # noqa: S311 - reproducible, not secret
    parts: dict[str, list[str]] = {name: [] for name in shares}
    owed: dict[str, Fraction] = dict.fromkeys(shares, Fraction(0))
    for label in sorted(strata):
        names = strata[label]
        chooser.shuffle(names)
        start = 0
        for part, count in _counts(len(names), shares, owed).items():
            for name in names[start : start + count]:
                parts[part].extend(units[name])
            start += count
    return {name: sorted(members) for name, members in parts.items()}


def representative(
    elements: Iterable[str], size: int, *, seed: int, labels: Mapping[str, str] | None = None
) -> list[str]:
    """A sample of a stated size in which every class is present, in proportion as far as possible.

    Args:
        elements: What to choose from; duplicates count once.
        size: How many to choose.
        seed: The same seed gives the same sample.
        labels: A class for each element; elements without one form a class of their own.

    Returns:
        The chosen elements, sorted.

    Raises:
        UsageError: Fewer elements than ``size``, or more classes.
    """
    strata = _strata({name: [name] for name in set(elements)}, labels or {})
    total = sum(map(len, strata.values()))
    if not 0 < size <= total:
        raise UsageError(f"A subset of {size} cannot be chosen from {total} elements")
    if size < len(strata):
        raise UsageError(
            f"A subset of {size} cannot hold all {len(strata)} classes", hint=f"Choose at least {len(strata)}."
        )
    chooser = random.Random(seed)  # noqa: S311 - reproducible, not secret
    exact = {label: Fraction(len(names) * size, total) for label, names in sorted(strata.items())}
    counts = {label: max(1, int(share)) for label, share in exact.items()}
    while sum(counts.values()) > size:
        # One for every class was too much: the class furthest above its share gives one up.
        counts[max((one for one in counts if counts[one] > 1), key=lambda one: (counts[one] - exact[one], one))] -= 1
    while sum(counts.values()) < size:
        counts[max(counts, key=lambda one: (exact[one] - counts[one], one))] += 1
    chosen: list[str] = []
    for label, count in counts.items():
        chosen.extend(chooser.sample(strata[label], count))
    return sorted(chosen)


def _shares(fractions: Mapping[str, float]) -> dict[str, Fraction]:
    shares = {name: Fraction(str(value)) for name, value in fractions.items()}
    if any(share <= 0 for share in shares.values()) or abs(sum(shares.values(), Fraction(0)) - 1) > Fraction(1, 10**9):
        stated = ", ".join(f"{name} {value}" for name, value in fractions.items()) or "none"
        raise UsageError(f"Parts must be more than 0 and add up to 1, not {stated}")
    total = sum(shares.values(), Fraction(0))
    return {name: share / total for name, share in shares.items()}


def _units(elements: Iterable[str], groups: Mapping[str, str] | None) -> dict[str, list[str]]:
    units: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(elements)):
        group = (groups or {}).get(name)
        # The prefixes keep a group from meeting an ungrouped element of the same name.
        units[f"element {name}" if group is None else f"group {group}"].append(name)
    return dict(units)


def _strata(units: Mapping[str, list[str]], labels: Mapping[str, str]) -> dict[str, list[str]]:
    strata: dict[str, list[str]] = defaultdict(list)
    for name in sorted(units):
        counts = Counter(labels.get(element, _UNLABELLED) for element in units[name])
        strata[min(counts, key=lambda label: (-counts[label], label))].append(name)
    return dict(strata)


def _counts(size: int, shares: Mapping[str, Fraction], owed: dict[str, Fraction]) -> dict[str, int]:
    """Whole sizes for one class; what rounding took from a part is owed to it by the next classes."""
    exact = {part: share * size for part, share in shares.items()}
    counts = {part: int(value) for part, value in exact.items()}
    for part, value in exact.items():
        owed[part] += value - counts[part]
    uneven = sorted((part for part in exact if exact[part] != counts[part]), key=lambda part: owed[part], reverse=True)
    for part in uneven[: size - sum(counts.values())]:
        counts[part] += 1
        owed[part] -= 1
    return counts
