"""How much of a dataset version is on this machine: four words, decided from two counts."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Tier", "tier_of"]


class Tier(StrEnum):
    """How much of one dataset version is here."""

    NOT_CACHED = "not_cached"
    """Nothing that can be used."""
    METADATA_ONLY = "cached_metadata_only"
    """All rows, none of the files."""
    INCOMPLETE = "cached_incomplete"
    """All rows, some of the files; deriva-ml says ``cached_holey``."""
    MATERIALIZED = "cached_materialized"
    """All rows and all files; also a dataset that has no files."""


def tier_of(assets: int, missing: int) -> Tier:
    """The tier of a bag whose metadata is here.

    Args:
        assets: How many files belong to it.
        missing: How many of them are not here.
    """
    if missing <= 0:
        return Tier.MATERIALIZED
    return Tier.METADATA_ONLY if missing >= assets else Tier.INCOMPLETE
