"""``dml cache``: the group of commands about the cache; the commands themselves are in two modules.

``cache_look`` lists and measures, ``cache_work`` fetches, verifies, pins and clears.
"""

from __future__ import annotations

from dml.cli import cache_look, cache_work
from dml.cli.cache_frame import app

__all__ = ["app", "cache_look", "cache_work"]
