"""``dml exec``: commands on executions.

``lifecycle`` creates, starts, ends and shows executions; ``outputs`` stages and commits; ``recovery`` resumes, syncs
and collects garbage; ``run`` runs any program as an execution.
"""

from __future__ import annotations

# isort: off
from dml.cli.exec import lifecycle, outputs, recovery, run

# isort: on
from dml.cli.exec._common import app

__all__ = ["app", "lifecycle", "outputs", "recovery", "run"]
