"""Files that the catalog is to know by reference: where each is, what it is, and how a path becomes a reference.

A file of this machine is named by a tag URI (RFC 4151) of host, day and path, as deriva-ml writes it. Asks no catalog.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dml.errors import NotFoundError, UsageError
from dml.safe_text import safe
from dml.workspace.hashing import digest

__all__ = ["FileSpec", "local_reference"]

_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class FileSpec:
    """A file to be made known by ``add_files``.

    Attributes:
        url: A tag URI, a link, or the path of a file of this machine, which becomes a tag URI.
        md5: Of its content, hexadecimal.
        length: Length of the file, in bytes.
        description: Description of the file, Markdown.
        file_types: Terms of Asset_Type.
    """

    url: str
    md5: str
    length: int
    description: str = ""
    file_types: Sequence[str] = ()

    def __post_init__(self) -> None:
        md5 = str(self.md5).lower()
        if not _MD5.fullmatch(md5):
            raise UsageError(f"{safe(self.md5, limit=60)} is no MD5 of the file {safe(self.url, limit=120)}")
        if isinstance(self.length, bool) or not isinstance(self.length, int) or self.length < 0:
            raise UsageError(f"The length of {safe(self.url, limit=120)} is not a number of bytes")
        types = (self.file_types,) if isinstance(self.file_types, str) else tuple(self.file_types or ())
        object.__setattr__(self, "md5", md5)
        object.__setattr__(self, "url", _reference(str(self.url)))
        object.__setattr__(self, "file_types", types)
        object.__setattr__(self, "description", self.description or "")

    @property
    def path(self) -> Path:
        """The path in its reference, by which files are told apart into directories."""
        text = self.url.partition(":")[2] if self.url.startswith("tag:") else self.url
        inner = text.rpartition("file://")[2] if "file://" in text else urlsplit(text).path
        return Path("/", unquote(inner.partition("#")[0]))

    @classmethod
    def create_filespecs(
        cls,
        path: Path | str,
        description: str = "",
        file_types: Sequence[str] | Callable[[Path], Sequence[str]] | None = None,
    ) -> Iterator[FileSpec]:
        """The specifications of a file, or of the files below a directory in the order of their paths. Reads them.

        Args:
            path: The file or directory.
            description: Of each of them.
            file_types: Terms of Asset_Type, or what gives those of each file; ``File`` is always among them.

        Raises:
            NotFoundError: There is no such file or directory.
        """
        start = Path(path).absolute()
        if not start.exists():
            raise NotFoundError(f"There is no {safe(start)}")
        for file in [start] if start.is_file() else _files_below(start):
            types = list(file_types(file) if callable(file_types) else file_types or ())
            seen = digest(file.parent, file)
            named = types if "File" in types else ["File", *types]
            yield cls(local_reference(file, seen.identity.mtime_ns), seen.md5_hex, seen.length, description, named)

    @classmethod
    def read_filespec(cls, path: Path | str) -> Iterator[FileSpec]:
        """The specifications of a file of JSON lines, each with url, md5, length, description and file_types.

        Raises:
            UsageError: A line is malformed; it is told by its number.
        """
        with Path(path).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    yield cls(**{key.lower(): value for key, value in json.loads(line).items()})
                except (ValueError, TypeError, AttributeError) as error:
                    raise UsageError(
                        f"Line {number} of {safe(path)} is no file specification: {safe(error)}"
                    ) from error


def local_reference(path: Path, mtime_ns: int, md5_hex: str = "") -> str:
    """The tag URI of a file of this machine: host, the day it was last changed, its path and, if given, its MD5."""
    day = datetime.fromtimestamp(mtime_ns / 1e9, UTC).date().isoformat()
    return f"tag://{socket.gethostname()},{day}:{path.as_uri()}" + (f"#{md5_hex}" if md5_hex else "")


def _reference(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("", "file"):
        return url
    path = Path(unquote(parts.path) if parts.scheme else url).absolute()
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = int(datetime.now(UTC).timestamp() * 1e9)
    return local_reference(path, changed)


def _files_below(directory: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file():
                yield path
