"""``dml cache``: the commands about the cache. The help lists them in the order in which their modules are imported.

``inspect`` lists and measures, ``fetch`` fetches and verifies, ``retention`` pins and clears.
"""

from __future__ import annotations

# isort: off
from dml.cli.cache import inspect, fetch, retention

# isort: on
from dml.cli.cache._common import app

__all__ = ["app", "fetch", "inspect", "retention"]
