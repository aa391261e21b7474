"""Working without a server, and how much loggers say: the arguments of ``DerivaML`` that are about neither catalog nor
workspace."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from requests.adapters import BaseAdapter

from dml.errors import RetryableError, UsageError

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

__all__ = ["mode_named", "refusing_transport", "set_levels"]

_MODES = ("online", "offline")


def mode_named(mode: Any) -> str:
    """``online`` or ``offline``, of a text or of deriva-ml's enumeration.

    Raises:
        UsageError: It is neither.
    """
    name = str(getattr(mode, "value", mode))
    if name not in _MODES:
        raise UsageError(f"{name!r} is no mode", hint="Use online or offline.")
    return name


def set_levels(ours: int | str | None, derivas: int | str | None) -> None:
    """Set the levels of the loggers of dml, and of deriva and bdbag; None leaves them as they are."""
    for level, names in ((ours, ("dml",)), (derivas, ("deriva", "bdbag"))):
        if level is not None:
            for name in names:
                logging.getLogger(name).setLevel(level)


def refusing_transport() -> BaseAdapter:
    """A transport that sends nothing."""
    return _Refusing()


class _Refusing(BaseAdapter):
    def send(self, request: PreparedRequest, *_arguments: Any, **_options: Any) -> Response:
        """Refuse.

        Raises:
            RetryableError: Always; nobody was asked.
        """
        raise RetryableError(
            f"{request.method} was not sent: this DerivaML works offline", hint="Make one without mode='offline'."
        )

    def close(self) -> None:
        """Nothing is open."""
