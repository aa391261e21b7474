"""``DatasetHandle``: a dataset of the catalog as a Python object, with the names that deriva-ml's users know.

It holds no state beside its RID: each method reads or writes the catalog through the room of datasets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from dml.catalog.rows import select, update
from dml.dataset import curation, lookup, releases
from dml.dataset import members as membership
from dml.dataset.lookup import DATASET, VersionRow
from dml.dataset.spec import DatasetSpec
from dml.dataset.version import DatasetVersion, VersionPart

if TYPE_CHECKING:
    from dml.api.execution_record import ExecutionRecord
    from dml.catalog.connection import Catalog
    from dml.dataset.bag import DatasetBag
    from dml.workspace.session import WorkspaceSession

__all__ = ["DatasetHandle"]


class _Owner(Protocol):
    """Who made the handle: it has a workspace, opened when a bag is wanted."""

    @property
    def session(self) -> WorkspaceSession: ...


class DatasetHandle:
    """One dataset of the catalog; made by ``lookup_dataset``, ``find_datasets`` and ``create_dataset``.

    Attributes:
        dataset_rid: Its RID.
        catalog: Where it is.
    """

    def __init__(self, catalog: Catalog, rid: str, owner: _Owner, execution_rid: str | None = None) -> None:
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
        """Its description; assigning writes the catalog."""
        return self._row().description

    @description.setter
    def description(self, text: str) -> None:
        update(self.catalog, DATASET, [{"RID": self.dataset_rid, "Description": text}], columns=["Description"])

    @property
    def dataset_types(self) -> list[str]:
        """Its types."""
        return list(self._row().types)

    @property
    def current_version(self) -> DatasetVersion | None:
        """Its newest version by PEP 440, released or not."""
        current = self._row().current
        return current.version if current else None

    @property
    def execution_rid(self) -> str | None:
        """The execution that made its newest version, where one is recorded."""
        current = self._row().current
        return current.execution if current else None

    def dataset_history(self) -> list[VersionRow]:
        """Its versions, the newest first."""
        return list(lookup.history(self.catalog, self.dataset_rid))

    def list_dataset_members(
        self, recurse: bool = False, limit: int | None = None, version: DatasetVersion | str | None = None
    ) -> dict[str, list[dict[str, Any]]]:
        """The rows of its members by element table (bare name).

        Args:
            recurse: Members of nested datasets as well.
            limit: The most rows a table.
            version: As they were in this version; as they are now when None.
        """
        reader = self.catalog
        if version is not None:
            reader = lookup.resolve(reader, DatasetSpec(self.dataset_rid, version)).reader(reader)
        found = membership.list_members(reader, self.dataset_rid, recurse=recurse)
        return {
            table.rpartition(":")[2]: select(reader, table, where={"RID": rids[:limit]}, sort=("RID",))
            for table, rids in found.items()
        }

    def list_dataset_children(self, recurse: bool = False) -> list[DatasetHandle]:
        """The datasets nested in it; with ``recurse`` at any depth."""
        if recurse:
            return self._handles(membership.descendants(self.catalog, [self.dataset_rid]))
        rows = select(self.catalog, "deriva-ml:Dataset_Dataset", where={"Dataset": self.dataset_rid})
        return self._handles(sorted(str(row["Nested_Dataset"]) for row in rows))

    def list_dataset_parents(self) -> list[DatasetHandle]:
        """The datasets it is nested in."""
        rows = select(self.catalog, "deriva-ml:Dataset_Dataset", where={"Nested_Dataset": self.dataset_rid})
        return self._handles(sorted(str(row["Dataset"]) for row in rows))

    def list_executions(self) -> list[ExecutionRecord]:
        """The executions that read it or made a version of it, the oldest first."""
        from dml.api.find_executions import find_executions

        return find_executions(self.catalog, dataset=self.dataset_rid)

    def add_dataset_members(
        self,
        members: Iterable[str] | Mapping[str, Iterable[str]],
        description: str = "",
        execution_rid: str | None = None,
    ) -> dict[str, list[str]]:
        """Add rows as members, by RID or by table; what is a member stays. Writes the catalog.

        Returns:
            What was added, by table.

        Raises:
            NotFoundError: A member does not exist.
            UsageError: Rows of its table cannot be members.
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
        """Take rows out; earlier releases keep them. Writes the catalog. Returns what was removed, by table."""
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
        """Release it as it is now; without changes since the last release nothing is done. Writes the catalog.

        Args:
            component: Which number is raised: ``major``, ``minor`` or ``patch``.
            description: What is new.
            execution_rid: The execution that made it so.
        """
        part = VersionPart(component)
        done = releases.release(
            self.catalog,
            self.dataset_rid,
            part,
            description=description,
            execution=execution_rid or self._execution,
        )
        return done.row.version

    def mark_dev(self, description: str = "", execution_rid: str | None = None) -> DatasetVersion | None:
        """Say that something about its members changed, as new feature values do, so that it can be released again.

        Its current version is one of development from then on. Writes the catalog.

        Args:
            description: What changed.
            execution_rid: The execution that changed it.
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
        """Older name of ``release``, which says that something changed even where no member did."""
        from dml.deprecation import superseded

        superseded("increment_dataset_version", "release")
        releases.mark_dev(
            self.catalog, self.dataset_rid, description=description, execution=execution_rid or self._execution
        )
        return self.release(component, description, execution_rid)

    def download_dataset_bag(self, version: DatasetVersion | str | None = None, materialize: bool = True) -> DatasetBag:
        """A version of it in the workspace's cache, the current one when None. Change nothing in it."""
        from dml.execution.input_bags import cached_bag

        return cached_bag(self._owner.session, DatasetSpec(self.dataset_rid, version, materialize=materialize))

    def delete(self, recurse: bool = False) -> list[str]:
        """Mark it as deleted, with ``recurse`` also what is nested in it. Writes the catalog; returns the RIDs."""
        return curation.delete_dataset(self.catalog, self.dataset_rid, recurse=recurse)

    def _row(self) -> lookup.Dataset:
        return lookup.find_dataset(self.catalog, self.dataset_rid, deleted=True)

    def _handles(self, rids: Sequence[str]) -> list[DatasetHandle]:
        return [DatasetHandle(self.catalog, rid, self._owner) for rid in rids]
