"""Shell completion: commands and options from the tables, RIDs from the local registry.

The shell's script (``completion`` prints it) calls ``dml`` with ``_DML_COMPLETE`` set to the shell's name, the words so
far in ``_DML_WORDS`` (one a line) and the place of the word being typed in ``_DML_WORD``. The answer is one line a
choice, ``value<TAB>help``; the single line ``:files`` or ``:directories`` asks the shell for its own names.
A failing completion prints nothing: it must never disturb the line being typed.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.cli.app.completion_candidates import Candidate

__all__ = ["answer", "complete_cached", "complete_execution", "complete_rid"]


def answer(shell: str) -> int:
    """Print the choices for the command line in the environment; the exit code is always 0."""
    words = os.environ.get("_DML_WORDS", "").split("\n")
    with suppress(Exception):
        from dml.cli.app.commands import root
        from dml.cli.app.completion_candidates import candidates

        position = int(os.environ.get("_DML_WORD", len(words) - 1))
        incomplete = words[position] if position < len(words) else ""
        for candidate in candidates(root(), words[1:position], incomplete):
            sys.stdout.write(_line(candidate, shell) + "\n")
    return 0


def _line(candidate: Candidate, shell: str) -> str:
    if candidate.kind != "word":
        return f":{candidate.kind}"
    text = safe(candidate.value)
    return text if shell == "bash" or not candidate.help else f"{text}\t{safe(candidate.help, limit=60)}"


def complete_execution(incomplete: str) -> list[tuple[str, str]]:
    """RIDs of the workspace's executions, with status and description."""
    return _registered(incomplete)


def complete_rid(incomplete: str) -> list[tuple[str, str]]:
    """RIDs that the workspace knows: executions, the newest first."""
    return _registered(incomplete)


def complete_cached(incomplete: str) -> list[tuple[str, str]]:
    """Dataset versions and assets that are in the cache."""
    from dml.settings import resolve

    with suppress(Exception):
        settings = resolve(_flags())
        root = settings.get("cache_dir") or settings.workspace / "cache"
        query = (
            "SELECT dataset_rid || '@' || version AS name, 'dataset' FROM dml_bags WHERE name LIKE :prefix ESCAPE '!'"
            " UNION SELECT rid, filename FROM dml_assets WHERE rid LIKE :prefix ESCAPE '!' ORDER BY 1 LIMIT 200"
        )
        return _looked_up(Path(root) / "index.sqlite", query, incomplete)
    return []


def _registered(incomplete: str) -> list[tuple[str, str]]:
    """Executions from the registry file alone: a target is needed, a server is not."""
    from dml.settings import resolve
    from dml.workspace.layout import Workspace

    with suppress(Exception):
        settings = resolve(_flags())
        query = (
            "SELECT rid, status, description FROM execution_state__executions"
            " WHERE rid LIKE :prefix ESCAPE '!' ORDER BY last_activity DESC LIMIT 200"
        )
        return _looked_up(Workspace(settings.workspace, settings.target).registry_path, query, incomplete)
    return []


def _looked_up(path: Path, query: str, incomplete: str) -> list[tuple[str, str]]:
    """The first column, and the others as help, of the rows whose first column begins with what was typed."""
    import sqlite3

    if not path.is_file():
        return []
    prefix = "".join(f"!{letter}" if letter in "!%_" else letter for letter in incomplete.upper())
    # With a -wal beside it the file is in use and may be opened; without one it must be left untouched.
    mode = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=0.2)
    try:
        rows = connection.execute(query, {"prefix": f"{prefix}%"}).fetchall()
    finally:
        connection.close()
    return [(str(name), " ".join(str(part) for part in rest if part)) for name, *rest in rows]


def _flags() -> dict[str, str]:
    """Target and workspace as given on the line being completed."""
    flags: dict[str, str] = {}
    words = os.environ.get("_DML_WORDS", "").split("\n")
    for name in ("host", "catalog", "workspace"):
        for position, word in enumerate(words):
            if word == f"--{name}" and position + 1 < len(words):
                flags[name] = words[position + 1]
            elif word.startswith(f"--{name}="):
                flags[name] = word.partition("=")[2]
    return flags
