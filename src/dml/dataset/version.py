"""Versions of datasets, by PEP 440.

A released state is ``MAJOR.MINOR.PATCH``. Changes after it are collected under one development version,
``<last release>.post1.devN``, which sorts after that release and before every later one. Catalogs may hold
other versions that PEP 440 allows; they compare and print, only making new ones is limited to the two forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from packaging.version import InvalidVersion, Version

from dml.errors import UsageError

__all__ = ["DatasetVersion", "VersionPart", "first_version"]

_HINT = "Write a version as in 1.2.0; development versions look like 1.2.0.post1.dev3."


class VersionPart(StrEnum):
    """Which number of a version a release raises."""

    major = "major"
    minor = "minor"
    patch = "patch"


class DatasetVersion(Version):
    """One version of a dataset: ordered, hashable, printed in PEP 440's normal form.

    Args:
        text: A version by PEP 440, such as ``1.2.0`` or ``1.2.0.post1.dev3``.

    Raises:
        UsageError: The text is no version.
    """

    def __init__(self, text: str) -> None:
        try:
            super().__init__(text)
        except (InvalidVersion, TypeError) as error:
            raise UsageError(f"{text!r} is not a dataset version", hint=_HINT) from error

    @classmethod
    def of(cls, value: DatasetVersion | str | Sequence[int] | Mapping[str, object]) -> DatasetVersion:
        """Read a version in any of the forms that configurations hold.

        Args:
            value: Text, ``[major, minor, patch]``, or a mapping with these three keys, as stored by deriva-ml.

        Raises:
            UsageError: It is none of these.
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
        """Whether this is unreleased work: read live, without a snapshot."""
        return self.is_devrelease

    @property
    def patch(self) -> int:
        """The third number."""
        return self.micro

    @property
    def last_release(self) -> DatasetVersion:
        """The release that this version is, or that its changes follow."""
        return DatasetVersion(f"{self.major}.{self.minor}.{self.patch}")

    def next_release(self, part: VersionPart) -> DatasetVersion:
        """The release that follows this version when ``part`` is raised."""
        match part:
            case VersionPart.major:
                numbers = (self.major + 1, 0, 0)
            case VersionPart.minor:
                numbers = (self.major, self.minor + 1, 0)
            case VersionPart.patch:
                numbers = (self.major, self.minor, self.patch + 1)
        return DatasetVersion.of(numbers)

    def next_development(self) -> DatasetVersion:
        """The development version after this one: the first after a release, else the next by number."""
        number = (self.dev or 0) + 1 if self.is_development else 1
        return DatasetVersion(f"{self.last_release}.post1.dev{number}")

    def to_mapping(self) -> dict[str, int]:
        """The form in which deriva-ml's configurations store a version; what follows the patch is lost there."""
        return {"major": self.major, "minor": self.minor, "patch": self.patch}


def first_version() -> DatasetVersion:
    """The version a dataset is created with, ``0.1.0``."""
    return DatasetVersion("0.1.0")
