"""JSON as it is sent: UTF-8, compact, and nothing that a server would have to guess at."""

from __future__ import annotations

import json
from typing import Any

from dml.errors import UsageError

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode_json(document: Any) -> bytes:
    """The document as JSON in UTF-8.

    Raises:
        UsageError: It holds what JSON cannot say: NaN, infinity, bytes, half a surrogate pair.
    """
    try:
        return _ENCODER.encode(document).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(f"a value cannot be sent to the catalog: {error}") from None
