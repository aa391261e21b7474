"""Rows of the registry as records; columns of a later release are ignored."""

from __future__ import annotations

import dataclasses
import sqlite3
from functools import cache
from typing import Any


def known_fields(kind: type, row: sqlite3.Row) -> dict[str, Any]:
    """The columns of a row that are fields of a dataclass."""
    columns = set(row.keys())
    return {name: row[name] for name in _names(kind) if name in columns}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))
