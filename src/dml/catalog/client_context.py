"""The ``Deriva-Client-Context`` header, by which a server's log tells programs and runs apart."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

__all__ = ["client_context", "encode_context"]

_SAFE = '~{}",:'


@cache
def client_context() -> Mapping[str, str]:
    """The program's name (``cid``) and a random id of this process (``wid``), under deriva's names."""
    program = os.path.basename(sys.argv[0]) if sys.argv else ""  # noqa: PTH119 - a name, not a path
    return {**({"cid": program} if program else {}), "wid": uuid.uuid4().hex}


def encode_context(context: Mapping[str, Any]) -> str:
    """The header's value for a context, encoded as deriva encodes it."""
    return quote(json.dumps(context, separators=(",", ":")), safe=_SAFE)
