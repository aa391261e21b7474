"""The plan of a commit as a document: which files are uploaded, which the catalog has already, which rows are written.

A plan can be kept in a file and applied later; it is refused when what is staged has changed since. Planning reads the
catalog and hashes files, and sends nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dml.errors import ConflictError, UsageError
from dml.safe_text import safe
from dml.upload import transfer
from dml.upload.batch import Batch, collect_batch, group_by_table
from dml.upload.files import JOBS, find_existing
from dml.workspace import executions

if TYPE_CHECKING:
    from dml.workspace.session import WorkspaceSession


@dataclass(frozen=True)
class PlannedFile:
    """One file of a plan.

    Attributes:
        key: ``Table/filename``.
        bytes: Its size.
        md5: MD5 of its content, hexadecimal.
        types: Its asset types.
        shared_with: RID of the row that has the same content already; None when the file is uploaded.
    """

    key: str
    bytes: int
    md5: str
    types: tuple[str, ...]
    shared_with: str | None


@dataclass(frozen=True)
class CommitPlan:
    """What the commit of one execution would do.

    Attributes:
        rid: The execution.
        status: Its current status.
        files: The staged files, by table and key.
        features: Feature table → number of rows.
    """

    rid: str
    status: str
    files: tuple[PlannedFile, ...]
    features: Mapping[str, int]

    @property
    def bytes_to_send(self) -> int:
        """Bytes of the files to upload."""
        return sum(file.bytes for file in self.files if file.shared_with is None)

    @property
    def rows(self) -> dict[str, int]:
        """Number of rows to write, by kind."""
        new = sum(file.shared_with is None for file in self.files)
        types = sum(len({*file.types, "Output_File"}) for file in self.files)
        return {"assets": new, "edges": len(self.files), "types": types, "features": sum(self.features.values())}

    @property
    def fingerprint(self) -> str:
        """A digest of what is staged; it does not depend on the catalog."""
        staged = [[file.key, file.bytes, file.md5, list(file.types)] for file in self.files]
        text = json.dumps([self.rid, staged, sorted(self.features.items())])
        return hashlib.sha256(text.encode()).hexdigest()

    def to_mapping(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "rid": self.rid,
            "status": self.status,
            "files": [
                {
                    "key": file.key,
                    "bytes": file.bytes,
                    "md5": file.md5,
                    "types": list(file.types),
                    "action": "upload" if file.shared_with is None else "share",
                    "shared_with": file.shared_with,
                }
                for file in self.files
            ],
            "features": dict(self.features),
            "bytes_to_send": self.bytes_to_send,
            "rows": self.rows,
            "fingerprint": self.fingerprint,
        }


def plan(session: WorkspaceSession, rid: str) -> CommitPlan:
    """Determine what the commit of an execution would do. Sends nothing and changes no status.

    Raises:
        NotFoundError: A staged file is missing, or the workspace has no such execution.
        IntegrityError: A file changed while it was read.
    """
    row = executions.get_execution(session.registry, rid)
    batch = collect_batch(session, rid)
    features = Counter(feature.feature_table for feature in batch.features)
    return CommitPlan(rid, row.status, _plan_files(session, rid, batch), features)


def verify_plan(session: WorkspaceSession, document: Mapping[str, Any]) -> str:
    """Return the execution of a stored plan, if what is staged is still what the plan says.

    Raises:
        UsageError: The document is not a plan.
        ConflictError: What is staged has changed since the plan was made.
    """
    rid, fingerprint = document.get("rid"), document.get("fingerprint")
    if not isinstance(rid, str) or not isinstance(fingerprint, str):
        raise UsageError("The file is not a commit plan", hint="Create one with `dml exec commit RID --plan FILE`.")
    if plan(session, rid).fingerprint != fingerprint:
        raise ConflictError(
            f"What is staged for {safe(rid)} has changed since the plan was made; nothing was sent",
            hint=f"Recreate it with: dml exec commit {safe(rid)} --plan FILE",
        )
    return rid


def _plan_files(session: WorkspaceSession, rid: str, batch: Batch) -> tuple[PlannedFile, ...]:
    hashed, errors = transfer.hash_files(session, rid, batch.files, JOBS)
    for error in errors.values():
        raise error
    existing = find_existing(session, hashed)
    planned = {
        file.key: PlannedFile(
            file.key,
            file.digest.length,
            file.digest.md5_hex,
            file.file.types,
            existing[file.key].rid if file.key in existing else None,
        )
        for file in hashed
    }
    return tuple(planned[file.key] for _, files in group_by_table(batch.files) for file in files)
