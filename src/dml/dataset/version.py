"""Versions of datasets, which follow PEP 440.

A release is ``MAJOR.MINOR.PATCH``. Changes after it are collected under one development version,
``<last release>.post1.devN``, which sorts after that release and before every later one. A catalog may hold other
versions that PEP 440 allows; they can be compared and printed, but dml only creates the two forms above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from packaging.version import InvalidVersion, Version

from dml.errors import UsageError

__all__ = ["DatasetVersion", "VersionPart", "first_version"]

_HINT = "Write a version like 1.2.0; development versions look like 1.2.0.post1.dev3."


class VersionPart(StrEnum):
    """The number of a version that a release increments."""

    major = "major"
    minor = "minor"
    patch = "patch"


class DatasetVersion(Version):
    """A version of a dataset: ordered, hashable, printed in the normal form of PEP 440.

    Args:
        text: A version such as ``1.2.0`` or ``1.2.0.post1.dev3``.

    Raises:
        UsageError: The text does not follow PEP 440.
    """

    def __init__(self, text: str) -> None:
        try:
            super().__init__(text)
        except (InvalidVersion, TypeError) as error:
            raise UsageError(f"{text!r} is not a dataset version", hint=_HINT) from error

    @classmethod
    def of(cls, value: DatasetVersion | str | Sequence[int] | Mapping[str, object]) -> DatasetVersion:
        """Read a version in any of the forms that configurations use.

        Args:
            value: Text, ``[major, minor, patch]``, or a mapping with these three keys, as deriva-ml stores it.

        Raises:
            UsageError: The value has none of these forms.
        """
        if isinstance(value, DatasetVersion):
            return value
        if isinstance(value, str):
            return cls(value)
        if isinstance(value, Mapping):
            value = [value.get("major", 0), value.get("minor", 0), value.get("patch", 0)]  # type: ignore[list-item]
        if len(value) != 3 or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in value):
            raise UsageError(f"{value!r} is not a dataset version", hint=_HINT)
        return cls(".".join(map(str, value)))

    @property
    def is_development(self) -> bool:
        """Whether this is unreleased work, which is read live, without a snapshot."""
        return self.is_devrelease

    @property
    def patch(self) -> int:
        """The third number."""
        return self.micro

    @property
    def last_release(self) -> DatasetVersion:
        """The release that this version is, or that it follows."""
        return DatasetVersion(f"{self.major}.{self.minor}.{self.patch}")

    def next_release(self, part: VersionPart) -> DatasetVersion:
        """The release after this version that increments ``part``."""
        match part:
            case VersionPart.major:
                numbers = (self.major + 1, 0, 0)
            case VersionPart.minor:
                numbers = (self.major, self.minor + 1, 0)
            case VersionPart.patch:
                numbers = (self.major, self.minor, self.patch + 1)
        return DatasetVersion.of(numbers)

    def next_development(self) -> DatasetVersion:
        """The development version after this one: the first one after a release, else the next number."""
        number = (self.dev or 0) + 1 if self.is_development else 1
        return DatasetVersion(f"{self.last_release}.post1.dev{number}")

    def to_mapping(self) -> dict[str, int]:
        """The form in which deriva-ml's configurations store a version; it holds no development number."""
        return {"major": self.major, "minor": self.minor, "patch": self.patch}


def first_version() -> DatasetVersion:
    """The version with which a dataset is created, ``0.1.0``."""
    return DatasetVersion("0.1.0")
