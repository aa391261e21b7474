"""What the commands of ``dml cache`` share: the group, their arguments, and opening the cache."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from dml.cli.app.framework import current, group
from dml.cli.app.shell_complete import complete_cached

if TYPE_CHECKING:
    from dml.cache.session import CacheSession
    from dml.dataset.spec import DatasetSpec
    from dml.workspace.layout import Workspace

__all__ = [
    "Excluded",
    "Jobs",
    "Names",
    "OptionalNames",
    "app",
    "cache_location",
    "open_for_reading",
    "open_for_writing",
    "specs",
]

app = group("cache", "Datasets and assets on this machine: fetch, verify, pin, clear.")

Names = Annotated[
    list[str],
    Argument(
        metavar="RID[@VERSION]...",
        help="Datasets (the current version by default) or assets.",
        autocompletion=complete_cached,
    ),
]
OptionalNames = Annotated[
    list[str] | None,
    Argument(metavar="[RID[@VERSION]]...", help="Entries as list shows them.", autocompletion=complete_cached),
]
Excluded = Annotated[
    list[str] | None, Option("--exclude-table", metavar="TABLE", help="Exclude a table; may be repeated.")
]
Jobs = Annotated[
    int | None, Option("--jobs", "-j", metavar="N", min=1, help="Number of files to download in parallel.")
]


def open_for_reading() -> AbstractContextManager[CacheSession]:
    """The invocation's cache for reading; nothing is created or changed."""
    from dml.cache.session import open_for_reading

    return open_for_reading(*cache_location())


def open_for_writing() -> AbstractContextManager[CacheSession]:
    """The invocation's cache for writing; it is created where it is missing."""
    from dml.cache.session import open_for_writing

    return open_for_writing(*cache_location())


def specs(names: list[str], excluded: list[str] | None = None) -> list[DatasetSpec]:
    """The names as specifications, each once.

    Raises:
        UsageError: One is malformed.
    """
    from dml.dataset.spec import DatasetSpec

    parsed = [DatasetSpec.parse(name) for name in dict.fromkeys(names)]
    return [DatasetSpec(spec.rid, spec.version, exclude_tables=excluded) for spec in parsed] if excluded else parsed


def cache_location() -> tuple[Workspace, Path | None]:
    """The invocation's workspace, and its cache directory where the settings name one."""
    from dml.workspace.layout import Workspace

    invocation = current()
    return Workspace(invocation.workspace, invocation.target), invocation.settings.get("cache_dir")
