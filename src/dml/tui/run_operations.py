"""Starting an experiment from the dashboard: ``dml run … --yes`` in a separate process, with its log in a file."""

from __future__ import annotations

import shlex
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

from dml import directories
from dml.errors import NotFoundError
from dml.formatting import abbreviate_home
from dml.safe_text import safe
from dml.tui.processes import Ended, ProcessEnvironment, went_well_or_was_ended
from dml.tui.workspace_reader import last_lines

_LAST_WORDS = 3


class RunOperations:
    """Starts experiments of the project in a directory.

    Args:
        place: What the run is told.
        ended: Told when a run ended.
        directory: Where to look for the project; the working directory when None.
    """

    def __init__(self, place: ProcessEnvironment, ended: Ended, directory: Path | None = None) -> None:
        self._place = place
        self._ended = ended
        self._directory = directory

    def start(self, words: str) -> str:
        """``dml run WORDS --yes``; returns once it runs. Writes its log to ``runs/`` of the state directory.

        Raises:
            NotFoundError: There is no project here any more.
        """
        from dml.experiment.project import find_project, has_project

        directory = self._directory or Path.cwd()
        if not has_project(directory):
            raise NotFoundError(f"there is no project in {safe(directory)} any more", hint="dml init")
        root = find_project(directory=directory).root
        log = self._log()
        command = ["run", *shlex.split(words), "--yes"]
        child = self._place.begin(command, record=log, both=True, cwd=root)
        title = shlex.join(["dml", *command])
        watch = threading.Thread(target=self._await_end, args=(title, child, log), name="dml-tui-run", daemon=True)
        watch.start()
        return f"{title} runs as process {child.pid} and goes on when you leave. Its log: {abbreviate_home(log)}"

    def _log(self) -> Path:
        directory = directories.state_directory() / "runs"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return directory / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}.log"

    def _await_end(self, title: str, child: subprocess.Popen[bytes], log: Path) -> None:
        code = child.wait()
        words = [line for line in last_lines(log) if line.strip()][-_LAST_WORDS:]
        well = went_well_or_was_ended(code)
        said = words[-1:] if well else [*words, f"Its log: {abbreviate_home(log)}"]
        self._ended(title, "\n".join(said) or "it ended", well)
