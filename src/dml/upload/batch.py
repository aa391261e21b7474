"""What an execution has to bring to the catalog: its pending files and features, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dml.asset.staged_files import ensure_placed
from dml.asset.tables import check_metadata
from dml.catalog import required_terms
from dml.errors import DmlError, NotFoundError, UsageError
from dml.safe_text import safe
from dml.workspace import assets, features
from dml.workspace.assets import AssetRow
from dml.workspace.features import FeatureRow
from dml.workspace.file_identity import FileIdentity
from dml.workspace.hashing import file_identity

if TYPE_CHECKING:
    from dml.catalog.model import Table
    from dml.workspace.session import WorkspaceSession

PENDING = ("pending", "failed")
"""Statuses of staged files and features that wait: what failed once is tried again."""

_NAMED = 5


@dataclass(frozen=True)
class Work:
    """One file to bring.

    Attributes:
        row: Its record in the registry.
        table: Its asset table.
        path: Where it is staged.
        identity: What it was when it was checked.
        types: Its asset types, as the vocabulary names them.
    """

    row: AssetRow
    table: Table
    path: Path
    identity: FileIdentity
    types: tuple[str, ...]

    @property
    def key(self) -> str:
        """``Table/filename``."""
        return self.row.key


@dataclass(frozen=True)
class Batch:
    """Everything one execution has to bring.

    Attributes:
        works: Files, by key.
        features: Feature rows, in the order of staging.
    """

    works: tuple[Work, ...]
    features: tuple[FeatureRow, ...]

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        return sum(work.identity.size for work in self.works)

    def __bool__(self) -> bool:
        return bool(self.works or self.features)


def collect(session: WorkspaceSession, rid: str, *, keys: Iterable[str] | None = None) -> Batch:
    """The pending files and features of an execution, each file looked at on disk.

    Args:
        session: Where.
        rid: The execution.
        keys: Only these files, and no features; everything when None.

    Raises:
        NotFoundError: Staged files are missing (named), or a table or type is not in the catalog.
        UsageError: A file lacks a value that its table demands.
    """
    only = None if keys is None else set(keys)
    rows = [
        row for row in assets.list_assets(session.registry, rid, statuses=PENDING) if only is None or row.key in only
    ]
    staged = features.list_features(session.registry, rid, statuses=PENDING) if only is None else []
    _refuse_missing(rid, found := [_look(session, row) for row in rows])
    wanted = {name for row in rows for name in row.asset_types}
    if wanted:
        required_terms.require(session.catalog, required_terms.ASSET_TYPE, sorted(wanted))
    kinds: dict[tuple[str, str, tuple[str, ...]], _Kind] = {}
    works = []
    for row, seen in zip(rows, found, strict=True):
        named = (row.schema, row.asset_table, row.asset_types)
        if named not in kinds:
            kinds[named] = _kind(session, row)
        works.append(_work(row, kinds[named], seen))
    return Batch(tuple(works), tuple(staged))


def by_table(works: Sequence[Work]) -> list[tuple[Table, list[Work]]]:
    """The works of each table, tables in the order of their names."""
    tables = {work.table.qualified_name: work.table for work in works}
    return [(tables[name], [work for work in works if work.table.qualified_name == name]) for name in sorted(tables)]


def _look(session: WorkspaceSession, row: AssetRow) -> tuple[Path, FileIdentity] | DmlError:
    try:
        path = ensure_placed(session, row)
        return path, file_identity(session.workspace.root, path)
    except NotFoundError as error:
        return error


def _refuse_missing(rid: str, found: Sequence[tuple[Path, FileIdentity] | DmlError]) -> None:
    missing = [one for one in found if isinstance(one, DmlError)]
    if not missing:
        return
    more = "" if len(missing) == 1 else f", and {len(missing) - 1} more"
    raise NotFoundError(
        f"{missing[0]}{more}; nothing was sent",
        hint=f"Put the file back, or forget it with `dml exec unstage {rid} TABLE/NAME`, then commit again.",
    )


@dataclass(frozen=True)
class _Kind:
    """What files of one table and of the same types have in common: the columns that need a value among it."""

    table: Table
    demanded: tuple[str, ...]
    types: tuple[str, ...]


def _kind(session: WorkspaceSession, row: AssetRow) -> _Kind:
    table = session.catalog.schema().table(f"{row.schema}:{row.asset_table}")
    demanded = tuple(c.name for c in table.metadata_columns if not c.nullok and c.default is None)
    types = (
        required_terms.require(session.catalog, required_terms.ASSET_TYPE, row.asset_types) if row.asset_types else []
    )
    return _Kind(table, demanded, tuple(types))


def _work(row: AssetRow, kind: _Kind, seen: tuple[Path, FileIdentity] | DmlError) -> Work:
    assert not isinstance(seen, DmlError)  # noqa: S101 - refused before
    if row.metadata:
        check_metadata(kind.table, row.metadata)
    lacking = [name for name in kind.demanded if row.metadata.get(name) is None]
    if lacking:
        raise UsageError(
            f"{safe(row.key)} needs a value for {', '.join(lacking)}",
            hint=f"Stage it again with --meta {lacking[0]}=VALUE.",
        )
    return Work(row, kind.table, seen[0], seen[1], kind.types)


def describe(keys: Sequence[str]) -> str:
    """A few keys for a message, with the number of those left out."""
    shown = ", ".join(safe(key) for key in keys[:_NAMED])
    return shown if len(keys) <= _NAMED else f"{shown} and {len(keys) - _NAMED} more"
