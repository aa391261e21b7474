"""The arguments of ``DerivaML`` that concern neither catalog nor workspace: offline mode and log levels."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from requests.adapters import BaseAdapter

from dml.errors import RetryableError, UsageError

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

__all__ = ["offline_transport", "parse_mode", "set_log_levels"]

_MODES = ("online", "offline")


def parse_mode(mode: Any) -> str:
    """``online`` or ``offline``, from a string or from deriva-ml's enumeration.

    Raises:
        UsageError: The mode is unknown.
    """
    name = str(getattr(mode, "value", mode))
    if name not in _MODES:
        raise UsageError(f"unknown mode {name!r}", hint="Use online or offline.")
    return name


def set_log_levels(dml_level: int | str | None, deriva_level: int | str | None) -> None:
    """Set the log level of dml, and of deriva and bdbag; None leaves a level unchanged."""
    for level, names in ((dml_level, ("dml",)), (deriva_level, ("deriva", "bdbag"))):
        if level is not None:
            for name in names:
                logging.getLogger(name).setLevel(level)


def offline_transport() -> BaseAdapter:
    """A transport that refuses every request."""
    return _OfflineAdapter()


class _OfflineAdapter(BaseAdapter):
    def send(self, request: PreparedRequest, *_arguments: Any, **_options: Any) -> Response:
        """Refuse the request.

        Raises:
            RetryableError: Always; the server was not contacted.
        """
        raise RetryableError(
            f"{request.method} request not sent: this DerivaML is in offline mode",
            hint="Create one without mode='offline'.",
        )

    def close(self) -> None:
        """Do nothing; there is nothing to close."""
