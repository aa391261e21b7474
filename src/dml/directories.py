"""The directories outside a workspace in which dml keeps files, by the platform's conventions.

Each function returns a path and creates nothing.
"""

from __future__ import annotations

from pathlib import Path

import platformdirs

_NAME = "dml"


def config_directory() -> Path:
    """User profiles (``profile.toml``)."""
    return Path(platformdirs.user_config_dir(_NAME, appauthor=False))


def cache_directory() -> Path:
    """Schema documents by ETag, temporary files of running commands, and ``CACHEDIR.TAG``; safe to delete."""
    return Path(platformdirs.user_cache_dir(_NAME, appauthor=False))


def state_directory() -> Path:
    """Logs and crash reports."""
    return Path(platformdirs.user_state_dir(_NAME, appauthor=False))


def data_directory() -> Path:
    """Embedded catalogs, their objects and their TLS certificates."""
    return Path(platformdirs.user_data_dir(_NAME, appauthor=False))


def embedded_directory() -> Path:
    """The catalogs of the host ``local``."""
    return data_directory() / "catalogs"
