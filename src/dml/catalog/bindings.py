"""deriva's bindings, each on dml's own session: what dml uses of deriva beyond its documented methods, in one module.

deriva makes new bindings out of old ones in several places (``connect_ermrest``, ``deriva_server``,
``latest_snapshot``) and each makes its own session, with retries that repeat writes and without a way to pass another
transport. Every class here overrides that one step, ``_get_new_session``, which sets ``_session`` after
``_close_session``. What it gains is not time but behaviour: the embedded catalog in the same process, the counters, the
rules for retries and the care for credentials hold wherever deriva leads. The shared ``Transport`` travels in the
session configuration, which deriva passes on.

Tried on deriva 1.7.12 by ``make test-versions``: the lowest version that ``pyproject.toml`` admits, and the newest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deriva.core import DEFAULT_SESSION_CONFIG, DerivaServer, ErmrestCatalog, ErmrestSnapshot, HatracStore

from dml.catalog.session import Session, Transport

_WIRE = "dml_wire"


def session_configuration(wire: Transport) -> dict[str, Any]:
    """deriva's session configuration without its retries, with the wire."""
    ours = {"retry_connect": 0, "retry_read": 0, "retry_status_forcelist": [], _WIRE: wire}
    return {**DEFAULT_SESSION_CONFIG, **ours}


def _new_session(configuration: Mapping[str, Any]) -> Session:
    wire = configuration[_WIRE]
    assert isinstance(wire, Transport)  # noqa: S101 - these classes are only made by this room
    return wire.session()


class Server(DerivaServer):  # type: ignore[misc]
    """The host: catalogs are created and connected here."""

    def _get_new_session(self, session_config: Mapping[str, Any] | None = None) -> None:
        self._close_session()
        self._session = _new_session(session_config or self.session_config)

    def set_credentials(self, credentials: object, server: str) -> None:
        """Nothing to do: the session signs each request itself."""

    def connect_ermrest(self, catalog_id: str, snaptime: str | None = None) -> ErmrestCatalog:
        """The catalog, or its snapshot, on the same wire."""
        catalog_id, _, at = str(catalog_id).partition("@")
        arguments = (self.scheme, self.server, catalog_id)
        if snaptime or at:
            return Snapshot(*arguments, snaptime or at, None, False, self.session_config)
        return Live(*arguments, None, False, self.session_config)


class Live(ErmrestCatalog):  # type: ignore[misc]
    """A catalog as it is now."""

    def _get_new_session(self, session_config: Mapping[str, Any] | None = None) -> None:
        self._close_session()
        self._session = _new_session(session_config or self.session_config)

    def set_credentials(self, credentials: object, server: str) -> None:
        """Nothing to do: the session signs each request itself."""

    @property
    def deriva_server(self) -> Server:
        """The host, on the same wire."""
        return Server(self._scheme, self._server, None, False, self.session_config)

    def latest_snapshot(self) -> ErmrestSnapshot:
        """The catalog as it is at this moment, on the same wire."""
        snaptime = self.get("/").json()["snaptime"]
        return Snapshot(self._scheme, self._server, self._catalog_id, snaptime, None, False, self.session_config)


class Snapshot(ErmrestSnapshot):  # type: ignore[misc]
    """A catalog as it was at a snaptime."""

    def _get_new_session(self, session_config: Mapping[str, Any] | None = None) -> None:
        self._close_session()
        self._session = _new_session(session_config or self.session_config)

    def set_credentials(self, credentials: object, server: str) -> None:
        """Nothing to do: the session signs each request itself."""

    @property
    def deriva_server(self) -> Server:
        """The host, on the same wire."""
        return Server(self._scheme, self._server, None, False, self.session_config)


class Store(HatracStore):  # type: ignore[misc]
    """The host's objects."""

    def _get_new_session(self, session_config: Mapping[str, Any] | None = None) -> None:
        self._close_session()
        self._session = _new_session(session_config or self.session_config)

    def set_credentials(self, credentials: object, server: str) -> None:
        """Nothing to do: the session signs each request itself."""
