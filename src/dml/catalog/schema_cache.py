"""The cache of schema documents on disk, with their ETags, so that a document is sent only after a change.

There is one file for each catalog or snapshot, 64 at most, in dml's cache directory, which has a ``CACHEDIR.TAG`` and
may be deleted at any time. No error here fails a command: a file that cannot be read counts as missing, one that cannot
be written is not written.
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
    """A cached schema.

    Attributes:
        etag: The server's ETag of the document.
        schema: The model.
    """

    etag: str
    schema: Schema


class SchemaCache:
    """The cached document of one target."""

    def __init__(self, target: Target) -> None:
        self._catalog = str(target)
        readable = "".join(char if char.isalnum() or char in "._-" else "_" for char in self._catalog)[:80]
        digest = hashlib.sha256(self._catalog.encode()).hexdigest()[:12]
        self._root = cache_directory()
        self.path: Path = self._root / "schema" / f"{readable}.{digest}.json"

    def read(self) -> CachedSchema | None:
        """The cached schema; None when there is none or it cannot be used."""
        try:
            cached = json.loads(self.path.read_bytes())
            if cached["form"] != _FORM or cached["catalog"] != self._catalog or not cached["etag"]:
                return None
            return CachedSchema(str(cached["etag"]), Schema.from_document(cached["document"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            return None

    def write(self, etag: str | None, document: Mapping[str, Any]) -> None:
        """Write a document atomically, if it has an ETag; disk errors are ignored."""
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
    """Remove all but the newest files, because every snapshot that is read adds one."""
    newest_first = sorted(directory.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in newest_first[_KEPT:]:
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
