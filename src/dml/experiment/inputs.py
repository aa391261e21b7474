"""The inputs of a composed configuration as plain values.

A config group of inputs is a list, a described list (``items`` and ``description``) or nothing; its entries are
specifications, bare RIDs or local files. Nothing is validated here: the preflight reports malformed RIDs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dml.execution.requested_inputs import RequestedAsset, RequestedDataset, RequestedFile

__all__ = ["assets_of", "datasets_of"]


def datasets_of(node: Any) -> list[RequestedDataset]:
    """The datasets of the config group ``datasets``."""
    datasets = []
    for item in _items(node):
        if isinstance(item, Mapping) and "rid" in item:
            excluded = item.get("exclude_tables") or ()
            datasets.append(
                RequestedDataset(
                    str(item["rid"]).strip(),
                    _version(item.get("version")),
                    bool(item.get("materialize", True)),
                    tuple(sorted(map(str, excluded))),
                )
            )
        else:
            rid, _, version = str(item).strip().partition("@")
            datasets.append(RequestedDataset(rid, version or None))
    return datasets


def assets_of(node: Any) -> list[RequestedAsset | RequestedFile]:
    """The assets and local files of the config group ``assets``."""
    assets: list[RequestedAsset | RequestedFile] = []
    for item in _items(node):
        if isinstance(item, Mapping) and "rid" in item:
            assets.append(RequestedAsset(str(item["rid"]).strip(), bool(item.get("cache"))))
        elif isinstance(item, Mapping) and "path" in item:
            assets.append(RequestedFile(str(item["path"])))
        else:
            rid, _, flag = str(item).strip().partition(":")
            assets.append(RequestedAsset(rid, flag == "cache"))
    return assets


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
