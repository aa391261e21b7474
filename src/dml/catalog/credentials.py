"""The credential of a host, from deriva's file ``~/.deriva/credential.json``, which is only read.

``deriva-globus-auth-utils login`` and ``deriva-auth`` write that file: a cookie (``webauthn=…``) or a bearer token for
each host.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dml.errors import AuthError

LOOPBACK = frozenset({"localhost", "127.0.0.1"})
"""The host names of this machine, where a server is most likely ``dml catalog serve``."""


def stored_credential(host: str) -> Mapping[str, str]:
    """The credential in deriva's file for a host (``name`` or ``name:port``); empty when there is none.

    Raises:
        AuthError: The file exists and cannot be read or parsed.
    """
    from deriva.core import read_credential

    path = Path.home() / ".deriva" / "credential.json"
    try:
        known = read_credential(str(path), create_default=False)
        found = known.get(host) or known.get(host.partition(":")[0]) or {}
        return {str(name): str(value) for name, value in found.items()}
    except Exception as error:  # portalocker, json and the file system each have their own
        raise AuthError(
            f"{path} cannot be read ({type(error).__name__})",
            hint=f"Sign in anew with `deriva-globus-auth-utils login --host {host}`.",
        ) from None


def sign_in_hint(host: str) -> str:
    """How the user signs in to a host (``name`` or ``name:port``)."""
    if host.partition(":")[0] in LOOPBACK:
        kept = f'{{"{host}": {{"cookie": "webauthn=TOKEN"}}}}'
        return f"Keep the token that `dml catalog serve` printed in ~/.deriva/credential.json: {kept}"
    return f"Sign in with `deriva-globus-auth-utils login --host {host}` and run the command again."


def credential_headers(credential: Mapping[str, str]) -> dict[str, str]:
    """The headers for a credential in deriva's form (``bearer-token`` or ``cookie``).

    deriva puts a cookie into a cookie jar, which does not send it to ``host:port`` or ``127.0.0.1``. A header has no
    such limits, so the caller must send it to this host only.
    """
    if credential.get("bearer-token"):
        return {"Authorization": f"Bearer {credential['bearer-token']}"}
    if credential.get("cookie"):
        return {"Cookie": credential["cookie"]}
    return {}


def secrets_of(credential: Mapping[str, str]) -> list[str]:
    """The parts of a credential that must not appear in any message."""
    values = [value for value in credential.values() if value]
    return values + [value.partition("=")[2] for value in values if "=" in value]
