"""``dml cache pin`` and ``unpin``: protect entries from being cleared."""

from __future__ import annotations

from dataclasses import dataclass

from dml.cache.entries import EntryKind
from dml.cache.pins import add_pin, list_pins, remove_pin
from dml.cache.resolve_name import is_known_asset
from dml.cache.session import CacheSession
from dml.cache.status import cached_versions
from dml.dataset.spec import DatasetSpec
from dml.errors import NotFoundError, UsageError

__all__ = ["PinChange", "pin", "unpin"]


@dataclass(frozen=True)
class PinChange:
    """A dataset version or an asset (``version`` None), and whether its pin changed."""

    rid: str
    version: str | None
    changed: bool

    @property
    def name(self) -> str:
        """``RID@VERSION``, or the RID of an asset."""
        return f"{self.rid}@{self.version}" if self.version else self.rid


def pin(session: CacheSession, spec: DatasetSpec) -> PinChange:
    """Pin a dataset version or an asset. Writes the index.

    A version that is named need not be cached: the pin holds once it is fetched.

    Args:
        session: Open for writing.
        spec: The dataset, or the RID of an asset. A dataset without a version means its only cached one.

    Raises:
        UsageError: Several versions are cached and none is named.
        NotFoundError: No version is named and none is cached.
    """
    version = str(spec.version) if spec.version else _cached_version(session, spec.rid, "pin")
    return PinChange(spec.rid, version or None, add_pin(session.index, spec.rid, version))


def unpin(session: CacheSession, spec: DatasetSpec) -> PinChange:
    """Remove a pin; arguments and errors as of :func:`pin`. A dataset's only pin is found without its version."""
    if spec.version:
        version = str(spec.version)
    else:
        pinned = {version for rid, version in list_pins(session.index) if rid == spec.rid}
        version = pinned.pop() if len(pinned) == 1 else _cached_version(session, spec.rid, "unpin")
    return PinChange(spec.rid, version or None, remove_pin(session.index, spec.rid, version))


def _cached_version(session: CacheSession, rid: str, verb: str) -> str:
    """The only cached version of a dataset; empty for an asset."""
    if is_known_asset(session.index, rid):
        return ""
    versions = sorted({status.version for status in cached_versions(session.index, rid)})
    if len(versions) == 1:
        return versions[0]
    if versions:
        names = ", ".join(f"{rid}@{version}" for version in versions)
        raise UsageError(f"Several versions of {rid} are cached", hint=f"Name one: {names}.")
    if any(entry.rid == rid and entry.kind is EntryKind.ASSET for entry in session.entries()):
        return ""
    raise NotFoundError(f"{rid} is not in the cache", hint=f"Name a version: dml cache {verb} {rid}@VERSION")
