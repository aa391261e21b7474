"""Working with the catalog's model as it was at one moment: a pin, which the workspace keeps until it is taken away.

The pin is in ``schema-cache.json`` of the workspace, where deriva-ml keeps its copy of the schema, in deriva-ml's form:
either program honours what the other pinned. It holds for the ``DerivaML`` objects of the workspace.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.api.schema_difference import SchemaDiff, compare_schemas
from dml.catalog.schema import Schema
from dml.errors import ConflictError, IntegrityError
from dml.safe_text import safe
from dml.workspace.files import disk_errors, write_atomically

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.catalog.connection import Catalog

__all__ = ["PinStatus", "copied_schema", "diff_schema", "pin_schema", "pin_status", "pinned_schema", "unpin_schema"]

_log = logging.getLogger("dml")
_ML_SCHEMA = "deriva-ml"


@dataclass(frozen=True)
class PinStatus:
    """Whether the workspace works with a pinned model.

    Attributes:
        pinned: Whether it does.
        pinned_at: Since when; None when not.
        pin_reason: Why; None when nobody said.
        pinned_snapshot_id: The catalog's snapshot of the copy that the workspace holds; None when it holds none.
    """

    pinned: bool
    pinned_at: datetime | None = None
    pin_reason: str | None = None
    pinned_snapshot_id: str | None = None


def pin_schema(self: DerivaML, reason: str | None = None) -> SchemaDiff | None:
    """Work with the model of now, or of the workspace's copy where there is one, until ``unpin_schema``.

    Tables and columns that the catalog gains meanwhile are not seen. Pinning again changes the reason. Writes the
    workspace.

    Args:
        reason: Kept with the pin.

    Returns:
        How the catalog differs from what is pinned; None when it does not.
    """
    path = _path(self)
    document = _read(self) or _copy(self)
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    _write(path, {**document, "pin": {"at": at, "reason": reason}})
    difference = _difference(self, document)
    self.catalog.fix_schema(Schema.from_document(document["schema"]))
    if difference is not None:
        _log.warning("the pinned schema of %s is older than the catalog's: %s", self.target, difference)
    return difference


def unpin_schema(self: DerivaML) -> None:
    """Work with the catalog's model as it is again; nothing when there is no pin. Writes the workspace."""
    path = _path(self)
    document = _read(self)
    if document is not None and "pin" in document:
        _write(path, {name: value for name, value in document.items() if name != "pin"})
    self.catalog.fix_schema(None)


def pin_status(self: DerivaML) -> PinStatus:
    """Whether the workspace works with a pinned model; asks no catalog and writes nothing."""
    document = _read(self)
    if document is None:
        return PinStatus(False)
    snapshot = str(document.get("snapshot_id") or "") or None
    pin = document.get("pin")
    if not isinstance(pin, Mapping):
        return PinStatus(False, pinned_snapshot_id=snapshot)
    return PinStatus(True, _moment(pin.get("at")), pin.get("reason"), snapshot)


def diff_schema(self: DerivaML) -> SchemaDiff | None:
    """How the catalog's model differs from the copy of the workspace, pinned or not; None when it does not.

    Raises:
        ConflictError: The workspace holds no copy.
    """
    document = _read(self)
    if document is None:
        raise ConflictError(
            f"The workspace of {self.target} holds no copy of the schema", hint="Make one with pin_schema()."
        )
    return _difference(self, document)


def pinned_schema(ml: DerivaML) -> Schema | None:
    """The model that a pin of the workspace holds; None without one."""
    document = _read(ml)
    return Schema.from_document(document["schema"]) if document is not None and "pin" in document else None


def copied_schema(ml: DerivaML) -> Schema | None:
    """The model of the workspace's copy, pinned or not; None without one."""
    document = _read(ml)
    return Schema.from_document(document["schema"]) if document is not None else None


def _difference(ml: DerivaML, document: Mapping[str, Any]) -> SchemaDiff | None:
    found = compare_schemas(Schema.from_document(document["schema"]), Schema.from_document(_live(ml.catalog)))
    return None if found.is_empty() else found


def _copy(ml: DerivaML) -> dict[str, Any]:
    return {
        "snapshot_id": ml.target.snapshot or ml.catalog.snaptime(),
        "hostname": ml.host_name,
        "catalog_id": ml.catalog_id,
        "ml_schema": _ML_SCHEMA,
        "schema": _live(ml.catalog),
    }


def _live(catalog: Catalog) -> Any:
    return catalog.get_json("/schema")


def _path(ml: DerivaML) -> Path:
    from dml.workspace.layout import Workspace

    return Workspace(ml.working_dir, ml.target).schema_cache_path


def _read(ml: DerivaML) -> dict[str, Any] | None:
    """The copy that the workspace holds; None without one, or when it is of another catalog."""
    path = _path(ml)
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{safe(path)} cannot be read: {error}", hint="Remove it; it is made anew.") from error
    if not isinstance(document, dict) or not isinstance(document.get("schema"), dict):
        raise IntegrityError(f"{safe(path)} holds no schema", hint="Remove it; it is made anew.")
    of = (document.get("hostname", ml.host_name), str(document.get("catalog_id", ml.catalog_id)))
    return document if of == (ml.host_name, ml.catalog_id) else None


def _write(path: Path, document: Mapping[str, Any]) -> None:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path.parent, path, json.dumps(document, indent=2).encode())


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
