"""What an upload tells while it goes on (``UploadProgress``) and when it is over (``UploadReport``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dml.errors import DmlError

__all__ = ["UploadProgress", "UploadReport", "merge"]


@dataclass(frozen=True)
class UploadProgress:
    """One moment of an upload, as a ``progress_callback`` receives it.

    Attributes:
        file_path: The staged file this is about, empty when it is about all of them.
        file_name: Its name in the catalog.
        bytes_completed: Bytes of this file that are done.
        bytes_total: Its size in bytes.
        percent_complete: 0 to 100.
        phase: ``hashing``, ``uploading``, ``uploaded``, ``rows`` or ``done``.
        message: One line for people.
    """

    file_path: str = ""
    file_name: str = ""
    bytes_completed: int = 0
    bytes_total: int = 0
    percent_complete: float = 0.0
    phase: str = ""
    message: str = ""


@dataclass(frozen=True)
class CommittedAsset:
    """One staged file that the catalog holds now.

    Attributes:
        key: ``Table/filename`` as it was staged.
        schema: The table's schema.
        rid: RID of its row, which may be an earlier row with the same content.
        shared: Whether the row was there before.
        path: The staged file.
    """

    key: str
    schema: str
    rid: str
    shared: bool
    path: Path


@dataclass
class UploadReport:
    """What a commit did, for one execution or several.

    Attributes:
        execution_rids: The executions, in the order in which they were committed.
        total_uploaded: Files that this commit brought to the catalog.
        total_failed: Files that it could not bring there; executions, when it is about several.
        per_table: ``schema/table`` → ``{"uploaded": n, "failed": n}``.
        errors: One sentence each.
        features: Feature rows inserted.
        bytes_sent: Bytes of files sent, shared content not counted.
        shared: How many of the uploaded files were in the catalog already, under an earlier row.
        assets: The files of this commit with their rows.
        unsynced: Executions whose files and features are all uploaded, but whose status could not be synced to the
            catalog, with the error. The same commit, the next command that writes, or ``dml exec sync`` syncs it.
    """

    execution_rids: list[str] = field(default_factory=list)
    total_uploaded: int = 0
    total_failed: int = 0
    per_table: dict[str, dict[str, int]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    features: int = 0
    bytes_sent: int = 0
    shared: int = 0
    assets: list[CommittedAsset] = field(default_factory=list)
    unsynced: dict[str, DmlError] = field(default_factory=dict)

    def count(self, schema: str, table: str, outcome: str, number: int = 1) -> None:
        """Add files of one table to the counts; ``outcome`` is ``uploaded`` or ``failed``."""
        row = self.per_table.setdefault(f"{schema}/{table}", {"uploaded": 0, "failed": 0})
        row[outcome] += number
        if outcome == "uploaded":
            self.total_uploaded += number
        else:
            self.total_failed += number

    @property
    def nothing_done(self) -> bool:
        """Whether there was nothing to bring."""
        return not (self.total_uploaded or self.total_failed or self.features or self.errors)

    def to_mapping(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "executions": list(self.execution_rids),
            "uploaded": self.total_uploaded,
            "failed": self.total_failed,
            "shared": self.shared,
            "features": self.features,
            "bytes_sent": self.bytes_sent,
            "tables": self.per_table,
            "errors": list(self.errors),
            "unsynced": sorted(self.unsynced),
            "assets": [{"key": asset.key, "rid": asset.rid, "shared": asset.shared} for asset in self.assets],
        }


def merge(reports: Iterable[UploadReport]) -> UploadReport:
    """One report of several; the order of executions is kept."""
    whole = UploadReport()
    for report in reports:
        whole.execution_rids += report.execution_rids
        whole.errors += report.errors
        whole.assets += report.assets
        whole.unsynced |= report.unsynced
        whole.features += report.features
        whole.bytes_sent += report.bytes_sent
        whole.shared += report.shared
        whole.total_uploaded += report.total_uploaded
        whole.total_failed += report.total_failed
        for table, counts in report.per_table.items():
            row = whole.per_table.setdefault(table, {"uploaded": 0, "failed": 0})
            for outcome, number in counts.items():
                row[outcome] += number
    return whole
