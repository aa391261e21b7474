"""Dataset versions: order, successors, and the forms that configurations use."""

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
def test_the_order_follows_pep_440(first: str, second: str) -> None:
    assert (DatasetVersion(first) < DatasetVersion(second)) == (Version(first) < Version(second))
    assert (DatasetVersion(first) == DatasetVersion(second)) == (Version(first) == Version(second))


@given(TEXTS)
def test_text_round_trips(text: str) -> None:
    assert str(DatasetVersion(text)) == text
    assert DatasetVersion(text).is_development == ("dev" in text)


@given(TEXTS, st.sampled_from(VersionPart))
def test_a_development_version_sorts_between_two_releases(text: str, part: VersionPart) -> None:
    version = DatasetVersion(text)
    assert version < version.next_development() < version.next_release(part)
    assert version.next_development().last_release == version.last_release
    assert not version.next_release(part).is_development


@given(TEXTS)
def test_incrementing_a_higher_part_gives_a_newer_version(text: str) -> None:
    version = DatasetVersion(text)
    assert version.next_release(VersionPart.patch) < version.next_release(VersionPart.minor)
    assert version.next_release(VersionPart.minor) < version.next_release(VersionPart.major)


def test_development_versions_are_numbered_from_1() -> None:
    first = first_version().next_development()
    assert str(first) == "0.1.0.post1.dev1"
    assert str(first.next_development()) == "0.1.0.post1.dev2"


@given(NUMBERS)
def test_the_forms_of_configurations_round_trip(numbers: tuple[int, int, int]) -> None:
    version = DatasetVersion.of(list(numbers))
    assert DatasetVersion.of(version.to_mapping()) == version == DatasetVersion.of(".".join(map(str, numbers)))


@pytest.mark.parametrize("value", ["", "one", "1.2.x", "1.2.0@3", [1, 2], [1, 2, -3], [1, 2, True], {"major": "1"}])
def test_invalid_versions_are_refused(value: object) -> None:
    with pytest.raises(UsageError, match="not a dataset version"):
        DatasetVersion.of(value)  # type: ignore[arg-type]
