"""The inputs that a composed configuration names, in whatever shape it names them, as plain values.

Configurations of deriva-ml and of dml hold a list, a described list (``items`` with a ``description``) or nothing; its
entries are specifications, bare RIDs or local files. Nothing is validated here: a malformed RID is a finding, no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["InputAsset", "InputDataset", "InputFile", "assets_of", "datasets_of", "description_of_list"]


@dataclass(frozen=True)
class InputDataset:
    """A dataset as it is named.

    Attributes:
        rid: Its RID, as written.
        version: Its version as text; None when none is named.
        materialize: Whether its files are wanted.
        excluded: Tables that are left out.
    """

    rid: str
    version: str | None = None
    materialize: bool = True
    excluded: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.rid}@{self.version}" if self.version else self.rid


@dataclass(frozen=True)
class InputAsset:
    """An asset as it is named."""

    rid: str
    cache: bool = False


@dataclass(frozen=True)
class InputFile:
    """A file of this machine, as it is named."""

    path: str


def datasets_of(node: Any) -> list[InputDataset]:
    """The datasets of the group ``datasets``."""
    found = []
    for item in _items(node):
        if isinstance(item, Mapping) and "rid" in item:
            excluded = item.get("exclude_tables") or ()
            found.append(
                InputDataset(
                    str(item["rid"]).strip(),
                    _version(item.get("version")),
                    bool(item.get("materialize", True)),
                    tuple(sorted(map(str, excluded))),
                )
            )
        else:
            rid, _, version = str(item).strip().partition("@")
            found.append(InputDataset(rid, version or None))
    return found


def assets_of(node: Any) -> list[InputAsset | InputFile]:
    """The assets and local files of the group ``assets``."""
    found: list[InputAsset | InputFile] = []
    for item in _items(node):
        if isinstance(item, Mapping) and "rid" in item:
            found.append(InputAsset(str(item["rid"]).strip(), bool(item.get("cache"))))
        elif isinstance(item, Mapping) and "path" in item:
            found.append(InputFile(str(item["path"])))
        else:
            rid, _, word = str(item).strip().partition(":")
            found.append(InputAsset(rid, word == "cache"))
    return found


def description_of_list(node: Any) -> str:
    """What a described list says of itself; empty for a plain one."""
    return str(node.get("description") or "") if isinstance(node, Mapping) else ""


def _items(node: Any) -> list[Any]:
    if isinstance(node, Mapping):
        inner = node.get("items")
        return list(inner) if isinstance(inner, list) else [node] if "rid" in node or "path" in node else []
    return list(node) if isinstance(node, list) else []


def _version(value: Any) -> str | None:
    if value is None or value == "???":
        return None
    if isinstance(value, Mapping):
        return ".".join(str(value.get(part, 0)) for part in ("major", "minor", "patch"))
    if isinstance(value, list | tuple):
        return ".".join(map(str, value))
    return str(value)
