"""Files that the catalog stores by reference: their specifications, and the references of local files.

A local file is referenced by a tag URI (RFC 4151) of host, day and path, as deriva-ml writes it. Asks no catalog.
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
    """A file to add by reference with ``add_files``.

    Attributes:
        url: A tag URI, a link, or the path of a local file, which is replaced by its tag URI.
        md5: MD5 of the content, hexadecimal.
        length: Size in bytes.
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
            raise UsageError(f"{safe(self.md5, limit=60)} is not an MD5 (file {safe(self.url, limit=120)})")
        if isinstance(self.length, bool) or not isinstance(self.length, int) or self.length < 0:
            raise UsageError(f"The length of {safe(self.url, limit=120)} is not a number of bytes")
        types = (self.file_types,) if isinstance(self.file_types, str) else tuple(self.file_types or ())
        object.__setattr__(self, "md5", md5)
        object.__setattr__(self, "url", _reference(str(self.url)))
        object.__setattr__(self, "file_types", types)
        object.__setattr__(self, "description", self.description or "")

    @property
    def path(self) -> Path:
        """The path in its reference, which determines its directory."""
        text = self.url.partition(":")[2] if self.url.startswith("tag:") else self.url
        path = text.rpartition("file://")[2] if "file://" in text else urlsplit(text).path
        return Path("/", unquote(path.partition("#")[0]))

    @classmethod
    def create_filespecs(
        cls,
        path: Path | str,
        description: str = "",
        file_types: Sequence[str] | Callable[[Path], Sequence[str]] | None = None,
    ) -> Iterator[FileSpec]:
        """The specifications of a file, or of all files below a directory in the order of their paths. Reads the files.

        Args:
            path: The file or directory.
            description: Description of each file.
            file_types: Terms of Asset_Type, or a function that returns those of a file; ``File`` is always added.

        Raises:
            NotFoundError: There is no such file or directory.
        """
        start = Path(path).absolute()
        if not start.exists():
            raise NotFoundError(f"There is no {safe(start)}")
        for file in [start] if start.is_file() else _files_below(start):
            types = list(file_types(file) if callable(file_types) else file_types or ())
            if "File" not in types:
                types.insert(0, "File")
            checksum = digest(file.parent, file)
            reference = local_reference(file, checksum.identity.mtime_ns)
            yield cls(reference, checksum.md5_hex, checksum.length, description, types)

    @classmethod
    def read_filespec(cls, path: Path | str) -> Iterator[FileSpec]:
        """The specifications in a file of JSON lines, each with url, md5, length, description and file_types.

        Raises:
            UsageError: A line is malformed; the message has its number.
        """
        with Path(path).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    yield cls(**{key.lower(): value for key, value in json.loads(line).items()})
                except (ValueError, TypeError, AttributeError) as error:
                    raise UsageError(
                        f"Line {number} of {safe(path)} is not a file specification: {safe(error)}"
                    ) from error


def local_reference(path: Path, mtime_ns: int, md5_hex: str = "") -> str:
    """The tag URI of a local file: host, the day of its last change, its path and, if given, its MD5."""
    day = datetime.fromtimestamp(mtime_ns / 1e9, UTC).date().isoformat()
    return f"tag://{socket.gethostname()},{day}:{path.as_uri()}" + (f"#{md5_hex}" if md5_hex else "")


def _reference(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("", "file"):
        return url
    path = Path(unquote(parts.path) if parts.scheme else url).absolute()
    try:
        mtime_ns = path.stat().st_mtime_ns
    except OSError:  # the file may be on another machine
        mtime_ns = int(datetime.now(UTC).timestamp() * 1e9)
    return local_reference(path, mtime_ns)


def _files_below(directory: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file():
                yield path
