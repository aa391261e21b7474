"""The inputs that a composed configuration names, in whatever shape it names them, as plain values.

Configurations of deriva-ml and of dml hold a list, a described list (``items`` with a ``description``) or nothing; its
entries are specifications, bare RIDs or local files. Nothing is validated here: a malformed RID is a finding, no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dml.execution.requested_inputs import RequestedAsset, RequestedDataset, RequestedFile

__all__ = ["assets_of", "datasets_of", "description_of_list"]


def datasets_of(node: Any) -> list[RequestedDataset]:
    """The datasets of the group ``datasets``."""
    found = []
    for item in _items(node):
        if isinstance(item, Mapping) and "rid" in item:
            excluded = item.get("exclude_tables") or ()
            found.append(
                RequestedDataset(
                    str(item["rid"]).strip(),
                    _version(item.get("version")),
                    bool(item.get("materialize", True)),
                    tuple(sorted(map(str, excluded))),
                )
            )
        else:
            rid, _, version = str(item).strip().partition("@")
            found.append(RequestedDataset(rid, version or None))
    return found


def assets_of(node: Any) -> list[RequestedAsset | RequestedFile]:
    """The assets and local files of the group ``assets``."""
    found: list[RequestedAsset | RequestedFile] = []
    for item in _items(node):
        if isinstance(item, Mapping) and "rid" in item:
            found.append(RequestedAsset(str(item["rid"]).strip(), bool(item.get("cache"))))
        elif isinstance(item, Mapping) and "path" in item:
            found.append(RequestedFile(str(item["path"])))
        else:
            rid, _, word = str(item).strip().partition(":")
            found.append(RequestedAsset(rid, word == "cache"))
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
