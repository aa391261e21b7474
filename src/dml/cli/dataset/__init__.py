"""``dml dataset``: commands on datasets.

``inspect`` finds and shows, ``members`` makes and changes, ``versions`` releases,
``split`` splits, ``denormalize`` joins rows for other programs.
"""

from __future__ import annotations

# isort: off
from dml.cli.dataset import inspect, members, split, versions, denormalize

# isort: on
from dml.cli.dataset._common import app

__all__ = ["app", "denormalize", "inspect", "members", "split", "versions"]
