"""A change of the model in progress."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from dml.embedded.ermrest.model import Model
from dml.embedded.ermrest.storage import Transaction

__all__ = ["Change"]


@dataclass(frozen=True)
class Change:
    """A change of the model in progress: the write and the draft it works on."""

    transaction: Transaction
    draft: Model

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of the write."""
        return self.transaction.connection

    def rid(self) -> str:
        """A RID for a new element of the model."""
        return self.transaction.next_rids(1)[0]
