"""A stand-in for deriva-ml's config API: its names and the shapes they compose to, nothing else."""

from deriva_ml.core.config import DerivaMLConfig

__all__ = ["DerivaML", "DerivaMLConfig"]


class DerivaML:
    """Named in configurations only."""
