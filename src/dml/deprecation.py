"""Warnings about deprecated names of the Python API."""

from __future__ import annotations

import warnings

__all__ = ["warn_deprecated"]


def warn_deprecated(old: str, new: str) -> None:
    """Warn, at the line of the caller's caller, that ``old`` is deprecated and ``new`` replaces it."""
    warnings.warn(f"{old} is deprecated; use {new}", DeprecationWarning, stacklevel=3)
