"""``dml cache``: the group of commands about the cache; the commands themselves are in three modules.

``cache_look`` lists and measures, ``cache_fetch`` fetches and verifies, ``cache_keep`` pins and clears. The help lists
them in the order of their import.
"""

from __future__ import annotations

# isort: off
from dml.cli import cache_look, cache_fetch, cache_keep

# isort: on
from dml.cli.cache_frame import app

__all__ = ["app", "cache_fetch", "cache_keep", "cache_look"]
