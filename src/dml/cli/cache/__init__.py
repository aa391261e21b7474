"""``dml cache``: the group of commands about the cache; the commands themselves are in three modules.

``inspect`` lists and measures, ``fetch`` fetches and verifies, ``retention`` pins and clears. The help lists
them in the order of their import.
"""

from __future__ import annotations

# isort: off
from dml.cli.cache import inspect, fetch, retention

# isort: on
from dml.cli.cache._common import app

__all__ = ["app", "fetch", "inspect", "retention"]
