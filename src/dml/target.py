"""Which catalog a command speaks to: host, catalog id and, for reading the past, a snapshot."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dml.errors import UsageError

EMBEDDED_HOST = "local"
"""The host name of the embedded catalogs, which is never resolved or sent over a network."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?")
_SNAPSHOT = re.compile(r"[0-9A-Z]{1,4}(-[0-9A-Z]{1,4})*")


@dataclass(frozen=True)
class Target:
    """A catalog on a host, now or at a snapshot.

    Attributes:
        host: ``name`` or ``name:port``; ``local`` is the embedded catalog.
        catalog_id: The number or alias of the catalog on its server.
        snapshot: A snaptime such as ``361-FEMW-757T``; None for the live catalog.
    """

    host: str
    catalog_id: str
    snapshot: str | None = None

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise UsageError(f"{self.host!r} is not a host name", hint="Write --host NAME or --host NAME:PORT.")
        if not _ID.fullmatch(self.catalog_id):
            raise UsageError(f"{self.catalog_id!r} is not a catalog id", hint="Write --catalog NUMBER.")
        if self.snapshot is not None and not _SNAPSHOT.fullmatch(self.snapshot):
            raise UsageError(f"{self.snapshot!r} is not a snapshot id", hint="Write it as in 2-ABCD-EFGH.")

    @classmethod
    def parse(cls, text: str) -> Target:
        """Parse ``host/id``, ``host/id@snapshot`` or the URL of a catalog.

        Raises:
            UsageError: The text has none of these forms.
        """
        rest = text.strip()
        if "://" in rest:
            parts = urlsplit(rest)
            match = re.fullmatch(r"/ermrest/catalog/([^/]+)/?", unquote(parts.path))
            if match is None:
                raise UsageError(
                    f"{text!r} is not a catalog URL", hint="Write https://HOST/ermrest/catalog/NUMBER or HOST/NUMBER."
                )
            host, ident = parts.netloc.rpartition("@")[2], match.group(1)
        else:
            host, _, ident = rest.partition("/")
        ident, at, snapshot = ident.partition("@")
        return cls(host, ident, snapshot if at else None)

    @property
    def is_embedded(self) -> bool:
        """Whether the catalog is on the embedded host."""
        return self.host == EMBEDDED_HOST

    @property
    def live(self) -> Target:
        """The same catalog without a snapshot."""
        return replace(self, snapshot=None)

    @property
    def catalog_path(self) -> str:
        """The catalog's path on its host, ``/ermrest/catalog/ID[@SNAPSHOT]``."""
        at = f"@{self.snapshot}" if self.snapshot else ""
        return f"/ermrest/catalog/{self.catalog_id}{at}"

    @property
    def url(self) -> str:
        """The catalog's URL; on the embedded host only the in-process adapter can resolve it."""
        return f"https://{self.host}{self.catalog_path}"

    def chaise_path(self, rid: str) -> str:
        """The web page of a row: ``https://HOST/id/CATALOG/RID``."""
        return f"https://{self.host}/id/{self.catalog_id}/{rid}" + (f"@{self.snapshot}" if self.snapshot else "")

    @property
    def default_workspace(self) -> Path:
        """The default workspace of this target in deriva-ml and dml: ``~/.deriva-ml/HOST/ID``."""
        return Path.home() / ".deriva-ml" / self.host / self.catalog_id

    def __str__(self) -> str:
        return f"{self.host}/{self.catalog_id}" + (f"@{self.snapshot}" if self.snapshot else "")
