"""A TLS certificate for the loopback interface, signed by a certificate authority local to this machine.

Both are created below the data directory. The certificate is renewed before it expires; the authority is
valid longer, so a client that trusts it accepts renewed certificates. Keys are readable by their owner only.
"""

from __future__ import annotations

import datetime
import fcntl
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from dml.directories import data_directory

NAMES = ("localhost", "127.0.0.1", "::1")
"""The subject alternative names of the certificate."""

_LIFETIME = datetime.timedelta(days=397)
_RENEWAL = datetime.timedelta(days=30)


@dataclass(frozen=True)
class TlsFiles:
    """Paths of the PEM files.

    Attributes:
        authority: The authority's certificate, which clients must trust.
        certificate: The server's certificate with its chain.
        key: The server's private key.
    """

    authority: Path
    certificate: Path
    key: Path

    @property
    def how_to_trust(self) -> str:
        """A sentence that tells a user how to make clients accept the certificate."""
        return (
            f"Clients accept it with REQUESTS_CA_BUNDLE={shlex.quote(str(self.authority))}; "
            "deriva-py does not verify the host name localhost and needs nothing."
        )


def ensure_tls_files(directory: Path | None = None) -> TlsFiles:
    """Return the loopback certificate; create or renew it if necessary.

    Safe to call from several processes at once.

    Args:
        directory: The directory of the files; ``tls`` in the data directory when None.
    """
    home = data_directory() / "tls" if directory is None else directory
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = TlsFiles(home / "authority.pem", home / "certificate.pem", home / "key.pem")
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(files.certificate) or not files.key.exists() or not _is_current(files.authority):
            _create(files, home / "authority-key.pem")
    return files


def _create(files: TlsFiles, authority_key: Path) -> None:
    import trustme

    if _is_current(files.authority) and authority_key.exists():
        authority = trustme.CA.from_pem(files.authority.read_bytes(), authority_key.read_bytes())
    else:
        authority = trustme.CA(organization_name="dml", organization_unit_name="certificates of this machine")
        _write(authority_key, authority.private_key_pem.bytes())
        _write(files.authority, authority.cert_pem.bytes())
    end = datetime.datetime.now(datetime.UTC) + _LIFETIME
    leaf = authority.issue_cert(*NAMES, organization_name="dml", not_after=end)
    _write(files.key, leaf.private_key_pem.bytes())
    _write(files.certificate, b"".join(blob.bytes() for blob in leaf.cert_chain_pems))


def _is_current(certificate: Path) -> bool:
    """Whether a certificate exists and is valid for at least 30 more days."""
    from cryptography import x509

    try:
        parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return parsed.not_valid_after_utc - datetime.datetime.now(datetime.UTC) > _RENEWAL


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.part")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
