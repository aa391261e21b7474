"""Splits and subsets: each element in one part, classes in proportion, idempotent."""

from __future__ import annotations

from collections import Counter

import pytest

from dml.dataset.curation import create_dataset, new_token
from dml.dataset.lookup import find_dataset, resolve
from dml.dataset.members import add_members, list_members
from dml.dataset.split import SamplingOptions, make_subset, plan_split, split_dataset
from dml.errors import NotFoundError, UsageError

from .laboratory import Laboratory, writes

FRACTIONS = {"training": 0.5, "validation": 0.25, "testing": 0.25}


@pytest.fixture
def source(laboratory: Laboratory) -> str:
    """A dataset of twenty subjects."""
    return create_dataset(
        laboratory.catalog, description="All", types=["Complete"], members={laboratory.table: laboratory.subjects[:20]}
    ).rid


def test_every_element_is_in_one_nested_dataset(laboratory: Laboratory, source: str) -> None:
    split = split_dataset(laboratory.catalog, source, FRACTIONS, SamplingOptions(seed=4), version="1.0.0")
    assert [part.name for part in split.parts] == list(FRACTIONS)
    assert [part.dataset.types for part in split.parts] == [("Training",), ("Validation",), ("Testing",)]
    assert [len(part.elements) for part in split.parts] == [10, 5, 5]
    held = [
        list_members(
            resolve(laboratory.catalog, f"{part.dataset.rid}@1.0.0").reader(laboratory.catalog), part.dataset.rid
        )
        for part in split.parts
    ]
    assert [members[laboratory.table] for members in held] == [list(part.elements) for part in split.parts]
    assert sorted(element for part in split.parts for element in part.elements) == sorted(laboratory.subjects[:20])
    assert split.dataset.types == ("Split",)
    nested = list_members(laboratory.catalog, split.dataset.rid)
    assert nested == {"deriva-ml:Dataset": sorted(part.dataset.rid for part in split.parts)}


def test_the_same_token_gives_the_same_split(laboratory: Laboratory, source: str) -> None:
    token = new_token()
    first = split_dataset(laboratory.catalog, source, FRACTIONS, token=token)
    before = laboratory.datasets()
    assert split_dataset(laboratory.catalog, source, FRACTIONS, token=token) == first
    assert laboratory.datasets() == before


def test_classes_come_from_a_column_or_a_feature(laboratory: Laboratory, source: str) -> None:
    for name in ("Site", laboratory.feature):
        plan = plan_split(
            laboratory.catalog, source, {"training": 0.5, "testing": 0.5}, SamplingOptions(seed=1, stratify_by=name)
        )
        for elements in plan.parts.values():
            assert set(Counter(laboratory.classes[rid] for rid in elements).values()) == {5}


def test_groups_stay_together(laboratory: Laboratory, source: str) -> None:
    plan = plan_split(laboratory.catalog, source, {"training": 0.5, "testing": 0.5}, SamplingOptions(group_by="Site"))
    assert [{laboratory.classes[rid] for rid in elements} for elements in plan.parts.values()] in (
        [{"north"}, {"south"}],
        [{"south"}, {"north"}],
    )


def test_a_released_version_is_split_at_its_snapshot(laboratory: Laboratory, source: str) -> None:
    add_members(laboratory.catalog, source, laboratory.subjects[20:])
    plan = plan_split(laboratory.catalog, f"{source}@0.1.0", FRACTIONS)
    assert sum(map(len, plan.parts.values())) == 20
    plan = plan_split(laboratory.catalog, source, FRACTIONS)
    assert sum(map(len, plan.parts.values())) == len(laboratory.subjects)


def test_a_subset_keeps_the_proportions(laboratory: Laboratory, source: str) -> None:
    subset = make_subset(laboratory.catalog, source, 4, SamplingOptions(seed=2, stratify_by="Site"))
    assert list_members(laboratory.catalog, subset.dataset.rid) == {laboratory.table: list(subset.elements)}
    assert Counter(laboratory.classes[rid] for rid in subset.elements) == {"north": 2, "south": 2}
    assert subset.dataset == find_dataset(laboratory.catalog, subset.dataset.rid)
    assert "Complete" not in subset.dataset.types


def test_invalid_splits_write_nothing(laboratory: Laboratory, source: str) -> None:
    empty = create_dataset(laboratory.catalog, description="Empty").rid
    with writes(laboratory.catalog) as written:
        for spec, fractions, options, message in (
            (empty, FRACTIONS, SamplingOptions(), "has no elements"),
            (source, {"training": 0.5}, SamplingOptions(), "add up to 1"),
            (source, {"train": 1.0}, SamplingOptions(), "no part 'train'"),
            (source, FRACTIONS, SamplingOptions(stratify_by="Sitte"), "neither a column nor a feature Sitte"),
            (source, FRACTIONS, SamplingOptions(element_table="Scan"), "no elements of Scan"),
            (source, {"training": 0.999, "testing": 0.001}, SamplingOptions(), "would be empty"),
        ):
            with pytest.raises(UsageError, match=message):
                split_dataset(laboratory.catalog, spec, fractions, options)
        with pytest.raises(NotFoundError, match="no version"):
            split_dataset(laboratory.catalog, f"{source}@7.0.0", FRACTIONS)
    assert written == []
