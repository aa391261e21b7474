"""Taking from a row what a record has a place for, so that a column of a later release does no harm."""

from __future__ import annotations

import dataclasses
import sqlite3
from functools import cache
from typing import Any


def values_for(kind: type, row: sqlite3.Row) -> dict[str, Any]:
    """The columns of a row that are fields of a dataclass."""
    there = set(row.keys())
    return {name: row[name] for name in _names(kind) if name in there}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))
