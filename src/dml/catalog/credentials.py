"""What a request must carry to be known to a host: read from deriva's own file, never written, no network.

``deriva-globus-auth-utils login`` and ``deriva-auth`` keep ``~/.deriva/credential.json``: for each host a
cookie (``webauthn=…``) or a bearer token.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dml.errors import AuthError

LOOPBACK = frozenset({"localhost", "127.0.0.1"})
"""Names of this machine; what answers there is most likely ``dml catalog serve``."""


def stored_credential(host: str) -> Mapping[str, str]:
    """The credential that deriva's file holds for a host (``name`` or ``name:port``); empty when there is none.

    Raises:
        AuthError: The file is there and cannot be read or understood.
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
    """What the user does to be known to a host (``name`` or ``name:port``)."""
    if host.partition(":")[0] in LOOPBACK:
        kept = f'{{"{host}": {{"cookie": "webauthn=TOKEN"}}}}'
        return f"Keep the token that `dml catalog serve` printed in ~/.deriva/credential.json: {kept}"
    return f"Sign in with `deriva-globus-auth-utils login --host {host}` and run the command again."


def credential_headers(credential: Mapping[str, str]) -> dict[str, str]:
    """The headers for a credential in deriva's form (``bearer-token`` or ``cookie``).

    deriva gives a cookie to a jar, which withholds it from ``host:port`` and ``127.0.0.1``; as a header it
    reaches any host, and who calls this takes care that it reaches no other one.
    """
    if credential.get("bearer-token"):
        return {"Authorization": f"Bearer {credential['bearer-token']}"}
    if credential.get("cookie"):
        return {"Cookie": credential["cookie"]}
    return {}


def secrets_of(credential: Mapping[str, str]) -> list[str]:
    """The parts of a credential that no message may show."""
    values = [value for value in credential.values() if value]
    return values + [value.partition("=")[2] for value in values if "=" in value]
