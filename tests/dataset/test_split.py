"""Splits and subsets on a catalog: no element in two parts, classes in proportion, repeatable."""

from __future__ import annotations

from collections import Counter

import pytest

from dml.dataset.curation import create_dataset, new_token
from dml.dataset.lookup import find_dataset, resolve
from dml.dataset.members import add_members, list_members
from dml.dataset.split import Choice, make_subset, plan_split, split_dataset
from dml.errors import NotFoundError, UsageError

from .laboratory import Laboratory, writes

SHARES = {"training": 0.5, "validation": 0.25, "testing": 0.25}


@pytest.fixture
def whole(laboratory: Laboratory) -> str:
    return create_dataset(
        laboratory.catalog, description="All", types=["Complete"], members={laboratory.table: laboratory.subjects[:20]}
    ).rid


def test_every_element_comes_to_one_nested_dataset(laboratory: Laboratory, whole: str) -> None:
    made = split_dataset(laboratory.catalog, whole, SHARES, Choice(seed=4), version="1.0.0")
    assert [part.name for part in made.parts] == list(SHARES)
    assert [part.dataset.types for part in made.parts] == [("Training",), ("Validation",), ("Testing",)]
    assert [len(part.elements) for part in made.parts] == [10, 5, 5]
    held = [
        list_members(
            resolve(laboratory.catalog, f"{part.dataset.rid}@1.0.0").reader(laboratory.catalog), part.dataset.rid
        )
        for part in made.parts
    ]
    assert [members[laboratory.table] for members in held] == [list(part.elements) for part in made.parts]
    assert sorted(element for part in made.parts for element in part.elements) == sorted(laboratory.subjects[:20])
    assert made.dataset.types == ("Split",)
    nested = list_members(laboratory.catalog, made.dataset.rid)
    assert nested == {"deriva-ml:Dataset": sorted(part.dataset.rid for part in made.parts)}


def test_the_same_token_makes_the_same_split(laboratory: Laboratory, whole: str) -> None:
    token = new_token()
    first = split_dataset(laboratory.catalog, whole, SHARES, token=token)
    before = laboratory.datasets()
    assert split_dataset(laboratory.catalog, whole, SHARES, token=token) == first
    assert laboratory.datasets() == before


def test_classes_are_a_column_or_a_feature(laboratory: Laboratory, whole: str) -> None:
    source = resolve(laboratory.catalog, whole)
    for name in ("Site", laboratory.feature):
        plan = plan_split(
            laboratory.catalog, source, {"training": 0.5, "testing": 0.5}, Choice(seed=1, stratify_by=name)
        )
        for elements in plan.values():
            assert set(Counter(laboratory.classes[rid] for rid in elements).values()) == {5}


def test_groups_stay_together(laboratory: Laboratory, whole: str) -> None:
    source = resolve(laboratory.catalog, whole)
    plan = plan_split(laboratory.catalog, source, {"training": 0.5, "testing": 0.5}, Choice(group_by="Site"))
    assert [{laboratory.classes[rid] for rid in elements} for elements in plan.values()] in (
        [{"north"}, {"south"}],
        [{"south"}, {"north"}],
    )


def test_a_released_version_is_split_as_it_was(laboratory: Laboratory, whole: str) -> None:
    add_members(laboratory.catalog, whole, laboratory.subjects[20:])
    plan = plan_split(laboratory.catalog, resolve(laboratory.catalog, f"{whole}@0.1.0"), SHARES, Choice())
    assert sum(map(len, plan.values())) == 20
    plan = plan_split(laboratory.catalog, resolve(laboratory.catalog, whole), SHARES, Choice())
    assert sum(map(len, plan.values())) == len(laboratory.subjects)


def test_a_subset_represents(laboratory: Laboratory, whole: str) -> None:
    made = make_subset(laboratory.catalog, whole, 4, Choice(seed=2, stratify_by="Site"))
    assert list_members(laboratory.catalog, made.dataset.rid) == {laboratory.table: list(made.elements)}
    assert Counter(laboratory.classes[rid] for rid in made.elements) == {"north": 2, "south": 2}
    assert made.dataset == find_dataset(laboratory.catalog, made.dataset.rid)
    assert "Complete" not in made.dataset.types


def test_what_cannot_be_split_writes_nothing(laboratory: Laboratory, whole: str) -> None:
    empty = create_dataset(laboratory.catalog, description="Empty").rid
    with writes(laboratory.catalog) as written:
        for source, shares, choice, message in (
            (empty, SHARES, Choice(), "has no elements"),
            (whole, {"training": 0.5}, Choice(), "add up to 1"),
            (whole, {"train": 1.0}, Choice(), "no part 'train'"),
            (whole, SHARES, Choice(stratify_by="Sitte"), "neither a column nor a feature Sitte"),
            (whole, SHARES, Choice(element_table="Scan"), "no elements of Scan"),
            (whole, {"training": 0.999, "testing": 0.001}, Choice(), "would be empty"),
        ):
            with pytest.raises(UsageError, match=message):
                split_dataset(laboratory.catalog, source, shares, choice)
        with pytest.raises(NotFoundError, match="no version"):
            split_dataset(laboratory.catalog, f"{whole}@7.0.0", SHARES)
    assert written == []
