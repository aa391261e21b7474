"""Tiers: how much of a dataset version is cached, derived from two counts."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Tier", "tier_of"]


class Tier(StrEnum):
    """How much of a dataset version is cached."""

    NOT_CACHED = "not_cached"
    """Nothing usable."""
    METADATA_ONLY = "cached_metadata_only"
    """All rows, none of the files."""
    INCOMPLETE = "cached_incomplete"
    """All rows, some of the files; deriva-ml calls it ``cached_holey``."""
    MATERIALIZED = "cached_materialized"
    """All rows and all files; also a dataset that has no files."""


def tier_of(assets: int, missing: int) -> Tier:
    """The tier of a bag whose metadata is cached.

    Args:
        assets: How many files belong to it.
        missing: How many of them are not cached.
    """
    if missing <= 0:
        return Tier.MATERIALIZED
    return Tier.METADATA_ONLY if missing >= assets else Tier.INCOMPLETE
