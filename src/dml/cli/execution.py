"""``dml exec``: the group of commands about executions; the commands themselves are in four modules.

``execution_life`` creates, starts, ends and looks; ``execution_outputs`` stages and commits; ``execution_recovery``
resumes, syncs and tidies up; ``execution_run`` wraps any program.
"""

from __future__ import annotations

from dml.cli import execution_life, execution_outputs, execution_recovery, execution_run
from dml.cli.execution_frame import app

__all__ = ["app", "execution_life", "execution_outputs", "execution_recovery", "execution_run"]
