"""One way of saying that a name is an older one: a DeprecationWarning of one sentence, at the caller's line."""

from __future__ import annotations

import warnings

__all__ = ["superseded"]


def superseded(old: str, new: str) -> None:
    """Warn that ``old``, which the caller's caller used, is the older name of ``new``."""
    warnings.warn(f"{old} is the older name of {new}", DeprecationWarning, stacklevel=3)
