"""Distributing elements: each to one part, classes in proportion, groups together, reproducible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dml.dataset.partition import partition, stratified_sample
from dml.errors import UsageError

NAMES = st.lists(st.text("ABCDEF0123456789-", min_size=1, max_size=6), unique=True, max_size=120)
SEEDS = st.integers(0, 2**32)
WEIGHTS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


def shares(weights: list[int]) -> dict[str, float]:
    return {f"part{number}": weight / sum(weights) for number, weight in enumerate(weights)}


@given(NAMES, WEIGHTS, SEEDS, st.randoms(use_true_random=False))
def test_every_element_is_in_exactly_one_part_whatever_the_order(names, weights, seed, order) -> None:
    parts = partition(names, shares(weights), seed=seed)
    shuffled = list(names)
    order.shuffle(shuffled)
    assert sorted(element for members in parts.values() for element in members) == sorted(names)
    assert partition(shuffled, shares(weights), seed=seed) == parts


@given(NAMES, WEIGHTS, SEEDS, st.data())
def test_the_share_of_each_class_is_exact_to_one_element(names, weights, seed, data) -> None:
    labels = {name: data.draw(st.sampled_from("abc")) for name in names}
    parts = partition(names, shares(weights), seed=seed, labels=labels)
    for label in "abc":
        size = sum(value == label for value in labels.values())
        for part, share in shares(weights).items():
            count = sum(labels[name] == label for name in parts[part])
            assert abs(count - share * size) < 1 + 1e-6


@given(NAMES, WEIGHTS, SEEDS, st.data())
def test_groups_stay_together(names, weights, seed, data) -> None:
    groups = {name: data.draw(st.sampled_from("wxyz")) for name in names if data.draw(st.booleans())}
    parts = partition(names, shares(weights), seed=seed, groups=groups)
    part_of = {name: part for part, members in parts.items() for name in members}
    assert set(part_of) == set(names)
    for group in "wxyz":
        assert len({part_of[name] for name in groups if groups[name] == group}) <= 1


def test_rounding_errors_do_not_add_up_over_classes() -> None:
    names = [f"N{number}" for number in range(100)]
    labels = {name: str(number % 20) for number, name in enumerate(names)}
    parts = partition(names, {"train": 0.7, "validation": 0.1, "test": 0.2}, seed=1, labels=labels)
    assert {part: len(members) for part, members in parts.items()} == {"train": 70, "validation": 10, "test": 20}


def test_another_seed_gives_other_parts() -> None:
    names = [f"N{number}" for number in range(50)]
    halves = {"training": 0.5, "testing": 0.5}
    assert partition(names, halves, seed=1) != partition(names, halves, seed=2)


@pytest.mark.parametrize("fractions", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": 1.0, "b": 0.0}])
def test_fractions_must_be_positive_and_add_up_to_1(fractions: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="add up to 1"):
        partition(["A"], fractions, seed=0)


@given(NAMES.filter(bool), SEEDS, st.data())
def test_a_sample_contains_every_class(names, seed, data) -> None:
    labels = {name: data.draw(st.sampled_from("abcd")) for name in names}
    size = data.draw(st.integers(len(set(labels.values())), len(names)))
    sample = stratified_sample(names, size, seed=seed, labels=labels)
    assert len(sample) == len(set(sample)) == size
    assert set(sample) <= set(names)
    assert {labels[name] for name in sample} == set(labels.values())
    assert stratified_sample(reversed(names), size, seed=seed, labels=labels) == sample


def test_a_sample_keeps_the_proportions() -> None:
    labels = {f"N{number}": "rare" if number < 10 else "common" for number in range(100)}
    sample = stratified_sample(labels, 20, seed=3, labels=labels)
    assert sum(labels[name] == "rare" for name in sample) == 2


@pytest.mark.parametrize(("size", "message"), [(0, "cannot be chosen"), (5, "cannot be chosen"), (1, "2 classes")])
def test_impossible_sample_sizes_are_refused(size: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        stratified_sample(["A", "B", "C"], size, seed=0, labels={"A": "x", "B": "y", "C": "y"})
