"""Paths of assets that know what they are: a staged output, whose description may still change, or a fetched input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING, Any

from dml.asset.record_class import AssetRecord, metadata_of
from dml.asset.tables import check_metadata
from dml.catalog import required_terms
from dml.deprecation import warn_deprecated
from dml.errors import ConflictError
from dml.execution.staging import require_staged, write_types
from dml.workspace import assets
from dml.workspace.assets import AssetRow

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession

__all__ = ["AssetFilePath"]


class AssetFilePath(PosixPath):
    """The path of an asset's file; use it like any other path.

    Paths derived from it (``.parent``, ``/``) are plain in all but type: they belong to no asset.

    Attributes:
        asset_table: Name of the asset table; empty for a derived path.
        schema: Schema of the table.
        file_name: Name of the file in the catalog.
        asset_rid: RID of its row; None for an output that is not uploaded.
    """

    asset_table: str = ""
    schema: str = ""
    file_name: str = ""
    asset_rid: str | None = None
    _types: tuple[str, ...] = ()
    _session: WorkspaceSession | None = None
    _execution: str = ""

    @classmethod
    def of_output(cls, session: WorkspaceSession, path: Path, row: AssetRow) -> AssetFilePath:
        """The path of a staged output, bound to its record in the registry."""
        made = cls(path)
        made.asset_table, made.schema, made.file_name = row.asset_table, row.schema, row.filename
        made.asset_rid = row.rid if row.status == "uploaded" else None
        made._session, made._execution = session, row.execution_rid
        return made

    @classmethod
    def of_input(cls, path: Path, *, schema: str, table: str, rid: str, types: Sequence[str] = ()) -> AssetFilePath:
        """The path of a fetched input."""
        made = cls(path)
        made.asset_table, made.schema, made.file_name, made.asset_rid = table, schema, path.name, rid
        made._types = tuple(types)
        return made

    @property
    def key(self) -> str:
        """``Table/filename``, its name in the registry."""
        return f"{self.asset_table}/{self.file_name}"

    @property
    def asset_types(self) -> list[str]:
        """Its asset types."""
        return list(self._types) if self._session is None else list(self._row().asset_types)

    @property
    def metadata(self) -> dict[str, Any]:
        """Values of the table's own columns; assigning replaces all of them. Writes the registry."""
        return {} if self._session is None else dict(self._row().metadata)

    @metadata.setter
    def metadata(self, values: Mapping[str, Any] | AssetRecord) -> None:
        place = self._changeable()
        row = self._row()
        given = metadata_of(values)
        check_metadata(place.catalog.schema().table(f"{row.schema}:{row.asset_table}"), given)
        assets.update_asset(place.registry, self._execution, self.key, metadata=given)

    def set_metadata(self, name: str, value: Any) -> None:
        """Older way of changing one value of ``metadata``. Writes the registry."""
        warn_deprecated("set_metadata", "the metadata property")
        self.metadata = {**self.metadata, name: value}

    @property
    def description(self) -> str | None:
        """Its description; assigning writes the registry."""
        return None if self._session is None else self._row().description

    @description.setter
    def description(self, text: str) -> None:
        assets.update_asset(self._changeable().registry, self._execution, self.key, description=text)

    def set_asset_types(self, types: Sequence[str]) -> None:
        """Replace the asset types. Writes the registry and deriva-ml's types file.

        Raises:
            NotFoundError: One is no term of Asset_Type.
            ConflictError: The file is uploaded, or is an input.
        """
        place = self._changeable()
        names = required_terms.require(place.catalog, required_terms.ASSET_TYPE, types)
        write_types(place, assets.update_asset(place.registry, self._execution, self.key, asset_types=names))

    def _row(self) -> AssetRow:
        assert self._session is not None  # noqa: S101 - callers asked for it
        return require_staged(self._session, self._execution, self.key)

    def _changeable(self) -> WorkspaceSession:
        if self._session is None:
            raise ConflictError(f"{self} is no staged output", hint="Change an asset of the catalog there.")
        if self._row().status == "uploaded":
            raise ConflictError(f"{self.key} is uploaded already", hint="Change its row in the catalog.")
        return self._session
