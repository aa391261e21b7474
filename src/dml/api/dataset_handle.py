"""``DatasetHandle``: a dataset of the catalog as a Python object, with the method names that deriva-ml users know.

It holds no state but its RID: each method reads or writes the catalog through ``dml.dataset``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from dml.catalog.rows import select, update
from dml.catalog.schema import DATASET
from dml.dataset import curation, lookup, releases
from dml.dataset import members as membership
from dml.dataset.records import Dataset, VersionRow
from dml.dataset.spec import DatasetSpec
from dml.dataset.version import DatasetVersion, VersionPart

if TYPE_CHECKING:
    from dml.api.execution_record import ExecutionRecord
    from dml.catalog.connection import Catalog
    from dml.dataset.bag import DatasetBag
    from dml.workspace.session import WorkspaceSession

__all__ = ["DatasetHandle"]


class _SessionOwner(Protocol):
    """The object that created the handle; its workspace is opened when a bag is needed."""

    @property
    def session(self) -> WorkspaceSession: ...


class DatasetHandle:
    """One dataset of the catalog; returned by ``lookup_dataset``, ``find_datasets`` and ``create_dataset``.

    Attributes:
        dataset_rid: RID of the dataset.
        catalog: The connection to the catalog that holds it.
    """

    def __init__(self, catalog: Catalog, rid: str, owner: _SessionOwner, execution_rid: str | None = None) -> None:
        self.catalog = catalog
        self.dataset_rid = rid
        self._owner = owner
        self._execution = execution_rid

    def __repr__(self) -> str:
        return f"DatasetHandle({self.dataset_rid!r})"

    def __str__(self) -> str:
        return self.dataset_rid

    @property
    def description(self) -> str:
        """The description, Markdown; assigning writes the catalog."""
        return self._row().description

    @description.setter
    def description(self, text: str) -> None:
        update(self.catalog, DATASET, [{"RID": self.dataset_rid, "Description": text}], columns=["Description"])

    @property
    def dataset_types(self) -> list[str]:
        """The terms of Dataset_Type that the dataset has."""
        return list(self._row().types)

    @property
    def current_version(self) -> DatasetVersion | None:
        """The newest version by PEP 440 order, released or not; None when the dataset has no version."""
        current = self._row().current
        return current.version if current else None

    @property
    def execution_rid(self) -> str | None:
        """RID of the execution that produced the current version; None when none is recorded."""
        current = self._row().current
        return current.execution if current else None

    def dataset_history(self) -> list[VersionRow]:
        """The versions of the dataset, newest first."""
        return list(lookup.history(self.catalog, self.dataset_rid))

    def list_dataset_members(
        self, recurse: bool = False, limit: int | None = None, version: DatasetVersion | str | None = None
    ) -> dict[str, list[dict[str, Any]]]:
        """The rows of the members, by the bare name of their table.

        Args:
            recurse: Include members of nested datasets.
            limit: Return at most this many rows per table.
            version: Members as of this version; the current members when None.
        """
        reader = self.catalog
        if version is not None:
            reader = lookup.resolve(reader, DatasetSpec(self.dataset_rid, version)).reader(reader)
        members = membership.list_members(reader, self.dataset_rid, recurse=recurse)
        return {
            table.rpartition(":")[2]: select(reader, table, where={"RID": rids[:limit]}, sort=("RID",))
            for table, rids in members.items()
        }

    def list_dataset_children(self, recurse: bool = False) -> list[DatasetHandle]:
        """The datasets nested directly in this one; with ``recurse`` at any depth."""
        if recurse:
            return self._handles(membership.descendants(self.catalog, [self.dataset_rid]))
        rows = select(self.catalog, "deriva-ml:Dataset_Dataset", where={"Dataset": self.dataset_rid})
        return self._handles(sorted(str(row["Nested_Dataset"]) for row in rows))

    def list_dataset_parents(self) -> list[DatasetHandle]:
        """The datasets that this one is nested in directly."""
        rows = select(self.catalog, "deriva-ml:Dataset_Dataset", where={"Nested_Dataset": self.dataset_rid})
        return self._handles(sorted(str(row["Dataset"]) for row in rows))

    def list_executions(self) -> list[ExecutionRecord]:
        """The executions that read this dataset or produced a version of it, oldest first."""
        from dml.api.find_executions import find_executions

        return find_executions(self.catalog, dataset=self.dataset_rid)

    def add_dataset_members(
        self,
        members: Iterable[str] | Mapping[str, Iterable[str]],
        description: str = "",
        execution_rid: str | None = None,
    ) -> dict[str, list[str]]:
        """Add rows as members; rows that are members already are left alone. Writes the catalog.

        Args:
            members: RIDs, or RIDs by table.
            description: What changed, Markdown; recorded with the version.
            execution_rid: The execution that changes the dataset; the one the handle was created for when None.

        Returns:
            The RIDs that were added, by table.

        Raises:
            NotFoundError: A member does not exist.
            UsageError: A member's table is not an element type of datasets.
        """
        return membership.add_members(
            self.catalog,
            self.dataset_rid,
            members,
            description=description,
            execution=execution_rid or self._execution,
        )

    def delete_dataset_members(
        self,
        members: Iterable[str] | Mapping[str, Iterable[str]],
        description: str = "",
        execution_rid: str | None = None,
    ) -> dict[str, list[str]]:
        """Remove members; earlier releases keep them. Writes the catalog.

        Args:
            members: RIDs, or RIDs by table.
            description: What changed, Markdown; recorded with the version.
            execution_rid: The execution that changes the dataset; the one the handle was created for when None.

        Returns:
            The RIDs that were removed, by table.
        """
        return membership.remove_members(
            self.catalog,
            self.dataset_rid,
            members,
            description=description,
            execution=execution_rid or self._execution,
        )

    def release(
        self,
        component: VersionPart | str = VersionPart.minor,
        description: str = "",
        execution_rid: str | None = None,
    ) -> DatasetVersion | None:
        """Release the dataset as it is now; nothing happens when nothing changed since the last release.

        Writes the catalog.

        Args:
            component: The part of the version to raise: ``major``, ``minor`` or ``patch``.
            description: What changed since the last release, Markdown.
            execution_rid: The execution that produced this version; the one the handle was created for when None.

        Returns:
            The current version; None when the dataset has none.
        """
        part = VersionPart(component)
        result = releases.release(
            self.catalog,
            self.dataset_rid,
            part,
            description=description,
            execution=execution_rid or self._execution,
        )
        return result.row.version

    def mark_dev(self, description: str = "", execution_rid: str | None = None) -> DatasetVersion | None:
        """Record that the members changed in a way their list does not show, such as new feature values.

        The current version becomes a development version, so the dataset can be released again. Writes the catalog.

        Args:
            description: What changed, Markdown.
            execution_rid: The execution that made the change; the one the handle was created for when None.
        """
        releases.mark_dev(
            self.catalog, self.dataset_rid, description=description, execution=execution_rid or self._execution
        )
        return self.current_version

    def increment_dataset_version(
        self,
        component: VersionPart | str = VersionPart.minor,
        description: str = "",
        execution_rid: str | None = None,
    ) -> DatasetVersion | None:
        """Deprecated name of ``release``; it releases a new version even when no member changed. Writes the catalog."""
        from dml.deprecation import warn_deprecated

        warn_deprecated("increment_dataset_version", "release")
        releases.mark_dev(
            self.catalog, self.dataset_rid, description=description, execution=execution_rid or self._execution
        )
        return self.release(component, description, execution_rid)

    def download_dataset_bag(self, version: DatasetVersion | str | None = None, materialize: bool = True) -> DatasetBag:
        """The bag of a version, downloaded into the workspace's cache when it is missing; treat it as read-only.

        Args:
            version: The version; the current one when None.
            materialize: Download the files that the bag refers to.
        """
        from dml.execution.input_bags import cached_bag

        return cached_bag(self._owner.session, DatasetSpec(self.dataset_rid, version, materialize=materialize))

    def delete(self, recurse: bool = False) -> list[str]:
        """Mark the dataset as deleted, with ``recurse`` the datasets nested in it too; returns their RIDs.

        Writes the catalog. No row or file is removed.
        """
        return curation.delete_dataset(self.catalog, self.dataset_rid, recurse=recurse)

    def _row(self) -> Dataset:
        return lookup.find_dataset(self.catalog, self.dataset_rid, deleted=True)

    def _handles(self, rids: Sequence[str]) -> list[DatasetHandle]:
        return [DatasetHandle(self.catalog, rid, self._owner) for rid in rids]
