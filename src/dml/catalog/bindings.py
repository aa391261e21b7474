"""deriva's bindings, each on dml's own session.

deriva makes new bindings out of old ones in several places (``connect_ermrest``, ``deriva_server``,
``latest_snapshot``) and each makes itself a session. Every class here overrides that one step, so that
the transport, the counting, the retry rules and the care for credentials hold wherever deriva leads.
The shared ``Transport`` travels in the session configuration, which deriva hands on by itself.
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
