"""JSON in request bodies: UTF-8, compact, and only what RFC 8259 allows."""

from __future__ import annotations

import json
from typing import Any

from dml.errors import UsageError

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode_json(document: Any) -> bytes:
    """The document as JSON in UTF-8.

    Raises:
        UsageError: It contains a value that JSON cannot represent: NaN, infinity, bytes, a lone surrogate.
    """
    try:
        return _ENCODER.encode(document).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(f"a value cannot be sent to the catalog: {error}") from None
