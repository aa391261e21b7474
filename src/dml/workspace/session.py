"""A session on a workspace: its layout, its registry, and the connection to its catalog, made on first use.

Commands on local state never use ``catalog`` and therefore never connect.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dml.target import Target
from dml.workspace.layout import Workspace, find_workspace
from dml.workspace.registry import Registry

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["WorkspaceSession"]


class WorkspaceSession:
    """A workspace with its registry and catalog; a context manager that closes the registry.

    Attributes:
        workspace: The layout on disk.
        registry: Open for reading or writing.
        cache: The directory of the cache of bags and assets.
    """

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        *,
        catalog: Catalog | None = None,
        on_wait: Callable[[str], None] | None = None,
        cache: Path | None = None,
    ) -> None:
        self.workspace = workspace
        self.registry = registry
        self.cache = cache or workspace.cache_directory
        self._on_wait = on_wait
        if catalog is not None:
            self.__dict__["catalog"] = catalog

    @classmethod
    def reading(cls, target: Target, directory: Path | None = None) -> WorkspaceSession:
        """Open for reading; nothing is created, not even a missing workspace."""
        workspace = find_workspace(target, directory)
        return cls(workspace, Registry.reading(workspace))

    @classmethod
    def writing(
        cls,
        target: Target,
        directory: Path | None = None,
        *,
        catalog: Catalog | None = None,
        on_wait: Callable[[str], None] | None = None,
        cache: Path | None = None,
    ) -> WorkspaceSession:
        """Open for writing; the workspace's directory and registry are created, an older registry is upgraded.

        Args:
            target: The catalog.
            directory: The workspace's directory; the target's default when None.
            catalog: An open connection; one is made on first use when None.
            on_wait: Called with a line for people before each pause for a retry.
            cache: The directory of the cache; that of the workspace when None.

        Raises:
            DmlError: The workspace cannot be written.
        """
        workspace = find_workspace(target, directory)
        return cls(workspace, Registry.writing(workspace), catalog=catalog, on_wait=on_wait, cache=cache)

    @property
    def target(self) -> Target:
        """The catalog of the workspace."""
        return self.workspace.target

    @cached_property
    def catalog(self) -> Catalog:
        """The connection to the catalog, made on first use; making it sends no request."""
        from dml.catalog.connection import connect

        return connect(self.target, on_wait=self._on_wait)

    def close(self) -> None:
        """Close the registry, which opens again when it is used."""
        self.registry.close()

    def __enter__(self) -> WorkspaceSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
