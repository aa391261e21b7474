"""The errors that users see, as one tree.

::

    DmlError                  1   something failed; the message says what, the hint what to do next
    ├── UsageError            2   the request is invalid
    │   └── UnsafePathError   2   a name that would leave its directory or cannot be a file name
    ├── PartialError          3   some of several items failed; the others are done
    ├── AuthError             4   not signed in (401)
    │   └── ForbiddenError    4   signed in, but not allowed (403)
    ├── RetryableError        5   may succeed later: network, 5xx, a full disk
    ├── NotFoundError         6   no such row, object, file or term
    ├── ConflictError         7   the state of the catalog or workspace does not allow the request
    │   ├── LockedError       7   another process has locked it
    │   └── IllegalTransitionError  7   the status does not allow the change
    ├── PreflightError        8   a check before a run failed
    └── IntegrityError        1   bytes, checksums or records that contradict each other

The number is the exit code of the command that ends with the error. Errors of other libraries are turned into these
once, where they enter (``catalog``, ``workspace``, ``workflow``). Any other exception that reaches the top is reported
as a defect of dml.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AuthError",
    "ConflictError",
    "DmlError",
    "ForbiddenError",
    "IllegalTransitionError",
    "IntegrityError",
    "LockedError",
    "NotFoundError",
    "PartialError",
    "PreflightError",
    "RetryableError",
    "UnsafePathError",
    "UsageError",
]


class DmlError(Exception):
    """An error meant for the user.

    Args:
        message: What happened, and to which RID or file; one sentence without a period.
        hint: What to do next, usually the exact command; empty when there is no advice.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DmlError):
    """The request is invalid: a malformed RID, or options that exclude each other."""

    exit_code = 2


class UnsafePathError(UsageError):
    """A name from a catalog, bag or manifest that must not become a path."""


class PartialError(DmlError):
    """Some of several items failed; the others are done."""

    exit_code = 3


class AuthError(DmlError):
    """Not signed in: the server answered 401, or there is no credential for it."""

    exit_code = 4


class ForbiddenError(AuthError):
    """Signed in, but not allowed: the server answered 403."""


class RetryableError(DmlError):
    """Unreachable, overloaded or out of space: the same command may succeed later."""

    exit_code = 5


class NotFoundError(DmlError):
    """No such row, object, file, table or term."""

    exit_code = 6


class ConflictError(DmlError):
    """The stored state differs from what the request assumed."""

    exit_code = 7


class LockedError(ConflictError):
    """Another process holds the lock; the message names it."""


class IllegalTransitionError(ConflictError):
    """A status change that the lifecycle does not allow; the message names both states."""


class PreflightError(DmlError):
    """The checks before a run found something that would fail later."""

    exit_code = 8


class IntegrityError(DmlError):
    """Bytes, checksums or records that contradict each other."""
