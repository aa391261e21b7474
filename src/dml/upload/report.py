"""What an upload reports: while it runs (``UploadProgress``) and when it has ended (``UploadReport``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dml.errors import DmlError

__all__ = ["UploadProgress", "UploadReport", "merge_reports"]


@dataclass(frozen=True)
class UploadProgress:
    """One event of an upload, as a ``progress_callback`` receives it.

    Attributes:
        file_path: Path of the staged file; empty when the event is about the whole upload.
        file_name: Name of the file in the catalog.
        bytes_completed: Bytes transferred so far, of the file or of the whole upload.
        bytes_total: Size in bytes, of the file or of all files whose upload has begun.
        percent_complete: 0 to 100.
        phase: ``hashing``, ``uploading``, ``uploaded``, ``failed``, ``rows`` or ``done``.
        message: The event in one line of text.
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
    """A staged file that a commit brought into the catalog.

    Attributes:
        key: ``Table/filename`` as it was staged.
        schema: Schema of the table.
        rid: RID of its row, which is an existing row when the catalog already had the same content.
        shared: Whether the row existed before.
        path: The staged file.
    """

    key: str
    schema: str
    rid: str
    shared: bool
    path: Path


@dataclass
class UploadReport:
    """The result of committing one execution or several.

    Attributes:
        execution_rids: The executions, in the order in which they were committed.
        total_uploaded: Files that have a row in the catalog now.
        total_failed: Files that could not be uploaded; in a merged report, executions.
        per_table: ``schema/table`` → ``{"uploaded": n, "failed": n}``.
        errors: One sentence for each failure.
        features: Feature rows inserted.
        bytes_sent: Bytes of the files sent; content that the catalog already had is not counted.
        shared: How many of the uploaded files share an existing row with the same content.
        assets: The uploaded files with their rows.
        unsynced: Executions that are fully uploaded, but whose status could not be synced to the catalog → the error.
            The next commit, the next command that writes to the catalog, or ``dml exec sync`` syncs it.
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
        """Count files of a table; ``outcome`` is ``uploaded`` or ``failed``."""
        counts = self.per_table.setdefault(f"{schema}/{table}", {"uploaded": 0, "failed": 0})
        counts[outcome] += number
        if outcome == "uploaded":
            self.total_uploaded += number
        else:
            self.total_failed += number

    @property
    def nothing_done(self) -> bool:
        """Whether there was nothing to upload."""
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


def merge_reports(reports: Iterable[UploadReport]) -> UploadReport:
    """Merge reports into one; the order of executions is kept."""
    merged = UploadReport()
    for report in reports:
        merged.execution_rids += report.execution_rids
        merged.errors += report.errors
        merged.assets += report.assets
        merged.unsynced |= report.unsynced
        merged.features += report.features
        merged.bytes_sent += report.bytes_sent
        merged.shared += report.shared
        merged.total_uploaded += report.total_uploaded
        merged.total_failed += report.total_failed
        for table, counts in report.per_table.items():
            totals = merged.per_table.setdefault(table, {"uploaded": 0, "failed": 0})
            for outcome, number in counts.items():
                totals[outcome] += number
    return merged
