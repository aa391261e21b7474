"""What the dashboard uses of Textual beyond its documented names, gathered in this module.

Textual ends the whole application when a handler or a widget raises an exception, and documents no way to go on. The
two classes here let the dashboard go on: a transfer or a run that it shows would otherwise be hidden by one row that
cannot be drawn. They gain no time.

- ``App._handle_exception`` is called for an exception that no handler took; ``textual._context.active_message_pump``
  says which widget was at work.
- ``Screen._dispatch_message`` calls the handlers of a screen.

Tried on Textual 8.0.0 and 8.2.8 by ``make test-versions``.
"""

from __future__ import annotations

from typing import TypeVar

from textual.app import App
from textual.message import Message
from textual.screen import Screen

__all__ = ["ResilientApp", "ResilientScreen"]

_Result = TypeVar("_Result")


class ResilientApp(App[_Result]):
    """An application that may go on after an exception that nothing else has handled."""

    def recover(self, error: Exception, source: object) -> bool:  # noqa: ARG002
        """Handle an exception.

        Args:
            error: The exception.
            source: The application, screen or widget in which it was raised; None when Textual does not know.

        Returns:
            Whether the application goes on; otherwise Textual ends it and prints the traceback.
        """
        return False

    def _handle_exception(self, error: Exception) -> None:
        from textual._context import active_message_pump

        if not self.recover(error, active_message_pump.get(None)):
            super()._handle_exception(error)


class ResilientScreen(Screen[_Result]):
    """A screen that stays when one of its handlers raises an exception."""

    def handler_failed(self, error: Exception) -> None:
        """Handle an exception that was raised by a handler of this screen."""
        raise error

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            self.handler_failed(error)
