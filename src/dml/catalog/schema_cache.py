"""Keeps each catalog's schema document on disk with its ETag, so that it is sent only when it changed.

One file for each catalog or snapshot, the latest 64 of them, below dml's cache directory, which carries
``CACHEDIR.TAG`` and may be deleted at any time. Nothing here may fail a command: a file that cannot be
read counts as absent, one that cannot be written is left out.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dml.catalog.schema import Schema
from dml.directories import cache_directory
from dml.target import Target

_FORM = 1
_KEPT = 64
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Files of dml that may be deleted at any time.\n"


@dataclass(frozen=True)
class CachedSchema:
    """A schema document from disk.

    Attributes:
        etag: What the server called this state of it.
        schema: The model.
    """

    etag: str
    schema: Schema


class SchemaCache:
    """The kept document of one target."""

    def __init__(self, target: Target) -> None:
        self._catalog = str(target)
        readable = "".join(char if char.isalnum() or char in "._-" else "_" for char in self._catalog)[:80]
        digest = hashlib.sha256(self._catalog.encode()).hexdigest()[:12]
        self._root = cache_directory()
        self.path: Path = self._root / "schema" / f"{readable}.{digest}.json"

    def read(self) -> CachedSchema | None:
        """What was kept; None when there is nothing or it cannot be used."""
        try:
            kept = json.loads(self.path.read_bytes())
            if kept["form"] != _FORM or kept["catalog"] != self._catalog or not kept["etag"]:
                return None
            return CachedSchema(str(kept["etag"]), Schema.from_document(kept["document"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            return None

    def write(self, etag: str | None, document: Mapping[str, Any]) -> None:
        """Keep a document, if it has an ETag and the disk takes it; replaces the file as a whole."""
        if not etag:
            return
        content = json.dumps({"form": _FORM, "catalog": self._catalog, "etag": etag, "document": document})
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            tag = self._root / "CACHEDIR.TAG"
            if not tag.exists():
                _replace(tag, _TAG)
            _replace(self.path, content)
            _prune(self.path.parent)


def _prune(directory: Path) -> None:
    """Remove the oldest files beyond the number kept: every snapshot that was read has one."""
    kept = sorted(directory.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in kept[_KEPT:]:
        path.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(prefix=".dml-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
