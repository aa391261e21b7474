"""A value that is computed once, when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from dml.errors import DmlError

T = TypeVar("T")


class Lazy(Generic[T]):
    """Calls a function when its value is first needed, and keeps the value or the error for later callers."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._value: list[T] = []
        self._error: DmlError | None = None

    @property
    def known(self) -> bool:
        """Whether the value has been computed."""
        return bool(self._value)

    def __call__(self) -> T:
        """The value.

        Raises:
            DmlError: The error that the function raised the first time.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            if not self._value:
                try:
                    self._value.append(self._function())
                except DmlError as error:
                    self._error = error
                    raise
            return self._value[0]
