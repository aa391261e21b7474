"""The catalog of the example: an embedded catalog that is created once and then reused.

A record in the data directory names the catalog. Creating a catalog cannot be repeated safely, so the record first
lists the existing catalogs; after an interruption, the catalog that is not in that list is the new one.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dml.catalog.administration import create_catalog, list_embedded_catalogs
from dml.directories import data_directory
from dml.errors import DmlError, LockedError
from dml.target import EMBEDDED_HOST, Target

__all__ = ["demo_lock", "find_or_create"]


def find_or_create() -> tuple[Target, bool]:
    """The catalog of the example, and whether this call created it. Writes the record and the catalog's files.

    Raises:
        DmlError: The data directory cannot be written.
    """
    record, catalogs = _read(), list_embedded_catalogs()
    recorded = record.get("catalog")
    for target in catalogs:
        if target.catalog_id == recorded:
            return target, False
    before = record.get("before") if recorded is None else None
    new = [target for target in catalogs if before is not None and target.catalog_id not in before]
    if not new:
        _write({"before": [target.catalog_id for target in catalogs]})
    target = new[0] if new else create_catalog(EMBEDDED_HOST)
    _write({"catalog": target.catalog_id})
    return target, True


@contextmanager
def demo_lock() -> Iterator[None]:
    """Hold the lock of the example; the system releases it when the process ends.

    Raises:
        LockedError: Another process is running the example.
        DmlError: The data directory cannot be written.
    """
    path = _record_path().with_suffix(".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DmlError(f"cannot write {path}: {error.strerror}", hint="Make its directory writable.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError("another process is running the example", hint="Wait until it ends.") from error
        yield
    finally:
        os.close(descriptor)


def _record_path() -> Path:
    return data_directory() / "demo.json"


def _read() -> dict[str, Any]:
    try:
        record = json.loads(_record_path().read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write(record: dict[str, Any]) -> None:
    path = _record_path()
    temporary = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise DmlError(f"cannot write {path}: {error.strerror}", hint="Make its directory writable.") from error
