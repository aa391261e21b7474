"""Where executions are worked on: a workspace, its registry and, once something needs it, its catalog.

Commands on local state make one with ``local`` and never connect; everything that speaks to a server asks for
``catalog``, which connects on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dml.target import Target
from dml.workspace import layout
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = ["WorkspaceSession"]


class WorkspaceSession:
    """A workspace with its registry and catalog; a context manager that closes the registry.

    Attributes:
        workspace: The layout on disk.
        registry: Open for reading or writing.
        cache: Directory of the cache of bags and assets.
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
        """For looking only: nothing is created, not even a missing workspace."""
        workspace = layout.find(target, directory)
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
        """For working: the workspace's directory and registry are created, an older registry is brought forward.

        Raises:
            DmlError: The workspace cannot be written.
        """
        workspace = layout.find(target, directory)
        return cls(workspace, Registry.writing(workspace), catalog=catalog, on_wait=on_wait, cache=cache)

    @property
    def target(self) -> Target:
        """The catalog that is meant."""
        return self.workspace.target

    @cached_property
    def catalog(self) -> Catalog:
        """The connection to the catalog, made on first use; making it sends nothing."""
        from dml.catalog.connection import connect

        return connect(self.target, on_wait=self._on_wait)

    def close(self) -> None:
        """Close the registry; it opens again when it is used."""
        self.registry.close()

    def __enter__(self) -> WorkspaceSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
