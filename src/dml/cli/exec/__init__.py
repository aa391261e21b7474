"""``dml exec``: the group of commands about executions; the commands themselves are in four modules.

``lifecycle`` creates, starts, ends and looks; ``outputs`` stages and commits; ``recovery``
resumes, syncs and tidies up; ``run`` wraps any program.
"""

from __future__ import annotations

# isort: off
from dml.cli.exec import lifecycle, outputs, recovery, run

# isort: on
from dml.cli.exec._common import app

__all__ = ["app", "lifecycle", "outputs", "recovery", "run"]
