"""Configurations of the retina project."""

from deriva_ml.execution import load_configs

__all__ = ["load_all_configs", "load_configs"]


def load_all_configs() -> list[str]:
    return load_configs("configs")
