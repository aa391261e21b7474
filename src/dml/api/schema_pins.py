"""Schema pins: keep working with the catalog's schema as of one moment, until the pin is removed.

The pin is stored in ``schema-cache.json`` of the workspace, in the place and format of deriva-ml, so each program
respects the other's pins. It applies to every ``DerivaML`` object of the workspace.
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
    """Whether the workspace uses a pinned schema.

    Attributes:
        pinned: Whether there is a pin.
        pinned_at: When it was pinned; None without a pin.
        pin_reason: The reason that was given; None when there is none.
        pinned_snapshot_id: The catalog snapshot of the workspace's copy of the schema; None without a copy.
    """

    pinned: bool
    pinned_at: datetime | None = None
    pin_reason: str | None = None
    pinned_snapshot_id: str | None = None


def pin_schema(self: DerivaML, reason: str | None = None) -> SchemaDiff | None:
    """Pin the schema: use the workspace's copy, or the current schema without one, until ``unpin_schema``.

    Tables and columns that are added to the catalog later are not seen. Pinning again changes the reason. Writes the
    workspace.

    Args:
        reason: Why the schema is pinned; stored with the pin.

    Returns:
        How the catalog differs from the pinned schema; None when it does not.
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
    """Use the catalog's current schema again; does nothing without a pin. Writes the workspace."""
    path = _path(self)
    document = _read(self)
    if document is not None and "pin" in document:
        _write(path, {name: value for name, value in document.items() if name != "pin"})
    self.catalog.fix_schema(None)


def pin_status(self: DerivaML) -> PinStatus:
    """Whether the workspace uses a pinned schema; sends no request and writes nothing."""
    document = _read(self)
    if document is None:
        return PinStatus(False)
    snapshot = str(document.get("snapshot_id") or "") or None
    pin = document.get("pin")
    if not isinstance(pin, Mapping):
        return PinStatus(False, pinned_snapshot_id=snapshot)
    return PinStatus(True, _parse_time(pin.get("at")), pin.get("reason"), snapshot)


def diff_schema(self: DerivaML) -> SchemaDiff | None:
    """How the catalog's schema differs from the workspace's copy, pinned or not; None when it does not.

    Raises:
        ConflictError: The workspace has no copy.
    """
    document = _read(self)
    if document is None:
        raise ConflictError(
            f"the workspace of {self.target} has no copy of the schema", hint="Make one with pin_schema()."
        )
    return _difference(self, document)


def pinned_schema(ml: DerivaML) -> Schema | None:
    """The pinned schema; None without a pin."""
    document = _read(ml)
    return Schema.from_document(document["schema"]) if document is not None and "pin" in document else None


def copied_schema(ml: DerivaML) -> Schema | None:
    """The workspace's copy of the schema, pinned or not; None without a copy."""
    document = _read(ml)
    return Schema.from_document(document["schema"]) if document is not None else None


def _difference(ml: DerivaML, document: Mapping[str, Any]) -> SchemaDiff | None:
    difference = compare_schemas(
        Schema.from_document(document["schema"]), Schema.from_document(_current_schema(ml.catalog))
    )
    return None if difference.is_empty() else difference


def _copy(ml: DerivaML) -> dict[str, Any]:
    return {
        "snapshot_id": ml.target.snapshot or ml.catalog.snaptime(),
        "hostname": ml.host_name,
        "catalog_id": ml.catalog_id,
        "ml_schema": _ML_SCHEMA,
        "schema": _current_schema(ml.catalog),
    }


def _current_schema(catalog: Catalog) -> Any:
    return catalog.get_json("/schema")


def _path(ml: DerivaML) -> Path:
    from dml.workspace.layout import Workspace

    return Workspace(ml.working_dir, ml.target).schema_cache_path


def _read(ml: DerivaML) -> dict[str, Any] | None:
    """The workspace's copy; None without one, or when it belongs to another catalog."""
    path = _path(ml)
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise IntegrityError(
            f"cannot read {safe(path)}: {error}", hint="Remove the file; it is written again."
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("schema"), dict):
        raise IntegrityError(f"{safe(path)} contains no schema", hint="Remove the file; it is written again.")
    catalog = (document.get("hostname", ml.host_name), str(document.get("catalog_id", ml.catalog_id)))
    return document if catalog == (ml.host_name, ml.catalog_id) else None


def _write(path: Path, document: Mapping[str, Any]) -> None:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path.parent, path, json.dumps(document, indent=2).encode())


def _parse_time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
