"""Dataset specifications: a RID, the wanted version, and how much of it to fetch.

The short form is ``RID`` (the current version) or ``RID@1.2.0``. This module makes no request;
:func:`dml.dataset.lookup.resolve` finds the version that a specification means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dml.dataset.version import DatasetVersion
from dml.errors import UsageError

__all__ = ["DatasetSpec"]

_FIELDS = frozenset(
    (
        "rid",
        "version",
        "materialize",
        "description",
        "exclude_tables",
        "timeout",
        "fetch_concurrency",
        "reachability_concurrency",
    )
)


@dataclass(frozen=True, init=False)
class DatasetSpec:
    """One dataset of a configuration.

    Attributes:
        rid: RID of the dataset.
        version: The wanted version; None means the one that is current when the specification is used.
        materialize: Whether files are fetched, not only rows.
        description: Why this dataset is used; stored with the configuration.
        exclude_tables: Tables that the bag leaves out, by name or ``schema:name``.
        timeout: Seconds to connect and to wait for a reply; None takes the defaults.
        fetch_concurrency: Number of files fetched at once.
        reachability_concurrency: Number of tables read at once; only stored, for compatibility with deriva-ml.
    """

    rid: str
    version: DatasetVersion | None
    materialize: bool
    description: str
    exclude_tables: frozenset[str]
    timeout: tuple[float, float] | None
    fetch_concurrency: int
    reachability_concurrency: int

    def __init__(
        self,
        rid: str,
        version: DatasetVersion | str | Sequence[int] | Mapping[str, object] | None = None,
        materialize: bool = True,
        description: str = "",
        exclude_tables: Iterable[str] | None = None,
        timeout: Sequence[float] | None = None,
        fetch_concurrency: int = 8,
        reachability_concurrency: int = 8,
    ) -> None:
        """Check and normalise the fields.

        Raises:
            UsageError: The RID or version is malformed, or a number is out of range.
        """
        from dml.catalog.rows import validate_rid

        if fetch_concurrency < 1 or reachability_concurrency < 1:
            raise UsageError(f"Dataset {rid}: a concurrency must be 1 or more")
        if timeout is not None and (len(timeout) != 2 or min(timeout) <= 0):
            raise UsageError(
                f"Dataset {rid}: a timeout must be two positive numbers of seconds, to connect and to read"
            )
        values: dict[str, object] = {
            "rid": validate_rid(rid),
            "version": None if version is None else DatasetVersion.of(version),
            "materialize": materialize,
            "description": description,
            "exclude_tables": frozenset(exclude_tables or ()),
            "timeout": None if timeout is None else (float(timeout[0]), float(timeout[1])),
            "fetch_concurrency": fetch_concurrency,
            "reachability_concurrency": reachability_concurrency,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def parse(cls, text: str, *, materialize: bool = True) -> DatasetSpec:
        """Read the short form ``RID`` or ``RID@VERSION``.

        Raises:
            UsageError: The RID or the version is malformed.
        """
        rid, at, version = text.strip().partition("@")
        if at and not version:
            raise UsageError(f"{text!r} has no version after the @", hint=f"Write {rid}@1.2.0, or just {rid}.")
        return cls(rid, version if at else None, materialize=materialize)

    @classmethod
    def of(cls, value: DatasetSpec | str | Mapping[str, Any]) -> DatasetSpec:
        """Read a specification in any of the forms that configurations use: an object, the short form, or a mapping.

        Raises:
            UsageError: A key is unknown or missing, or a value is malformed.
        """
        if isinstance(value, DatasetSpec):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        unknown = sorted(set(value) - _FIELDS)
        if unknown or "rid" not in value:
            problem = f"unknown keys: {', '.join(unknown)}" if unknown else "no rid"
            raise UsageError(
                f"A dataset of the configuration has {problem}", hint=f"Its keys are {', '.join(sorted(_FIELDS))}."
            )
        return cls(**value)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form, as deriva-ml's configurations store it; an unresolved version is None.

        A development version is stored as text, since deriva-ml's mapping of three numbers cannot hold it.
        """
        version: object = None
        if self.version is not None:
            version = str(self.version) if self.version.is_development else self.version.to_mapping()
        return {
            "rid": self.rid,
            "version": version,
            "materialize": self.materialize,
            "description": self.description,
            "exclude_tables": sorted(self.exclude_tables) or None,
            "timeout": list(self.timeout) if self.timeout else None,
            "fetch_concurrency": self.fetch_concurrency,
            "reachability_concurrency": self.reachability_concurrency,
        }

    def __str__(self) -> str:
        return f"{self.rid}@{self.version}" if self.version else self.rid
