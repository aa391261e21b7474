"""Versions of datasets: their order, their successors, and the forms configurations hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from dml.dataset.version import DatasetVersion, VersionPart, first_version
from dml.errors import UsageError

NUMBERS = st.tuples(*[st.integers(0, 40)] * 3)
TEXTS = st.one_of(
    NUMBERS.map(lambda n: ".".join(map(str, n))),
    st.tuples(NUMBERS, st.integers(0, 30)).map(lambda n: ".".join(map(str, n[0])) + f".post1.dev{n[1]}"),
)


@given(TEXTS, TEXTS)
def test_the_order_is_that_of_pep_440(one: str, other: str) -> None:
    assert (DatasetVersion(one) < DatasetVersion(other)) == (Version(one) < Version(other))
    assert (DatasetVersion(one) == DatasetVersion(other)) == (Version(one) == Version(other))


@given(TEXTS)
def test_text_is_read_back(text: str) -> None:
    assert str(DatasetVersion(text)) == text
    assert DatasetVersion(text).is_development == ("dev" in text)


@given(TEXTS, st.sampled_from(VersionPart))
def test_development_lies_between_two_releases(text: str, part: VersionPart) -> None:
    version = DatasetVersion(text)
    assert version < version.next_development() < version.next_release(part)
    assert version.next_development().last_release == version.last_release
    assert not version.next_release(part).is_development


@given(TEXTS)
def test_the_parts_are_ordered(text: str) -> None:
    version = DatasetVersion(text)
    assert version.next_release(VersionPart.patch) < version.next_release(VersionPart.minor)
    assert version.next_release(VersionPart.minor) < version.next_release(VersionPart.major)


def test_a_development_version_is_numbered_from_one() -> None:
    begun = first_version().next_development()
    assert str(begun) == "0.1.0.post1.dev1"
    assert str(begun.next_development()) == "0.1.0.post1.dev2"


@given(NUMBERS)
def test_configurations_hold_numbers(numbers: tuple[int, int, int]) -> None:
    version = DatasetVersion.of(list(numbers))
    assert DatasetVersion.of(version.to_mapping()) == version == DatasetVersion.of(".".join(map(str, numbers)))


@pytest.mark.parametrize("value", ["", "one", "1.2.x", "1.2.0@3", [1, 2], [1, 2, -3], [1, 2, True], {"major": "1"}])
def test_what_is_no_version(value: object) -> None:
    with pytest.raises(UsageError, match="not a dataset version"):
        DatasetVersion.of(value)  # type: ignore[arg-type]
