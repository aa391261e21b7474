"""A certificate for this machine's own loopback, signed by an authority that lives on this machine.

Made once, below the data directory, and made anew when it nears its end; the authority outlives the
certificates, so whoever trusts it once need not do so again. Keys are readable by their owner only.
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
"""What the certificate is for."""

_LIFETIME = datetime.timedelta(days=397)
_RENEWAL = datetime.timedelta(days=30)


@dataclass(frozen=True)
class TlsFiles:
    """PEM files.

    Attributes:
        authority: The authority's certificate; what a client must trust.
        certificate: The server's certificate with its chain.
        key: The server's private key.
    """

    authority: Path
    certificate: Path
    key: Path

    @property
    def how_to_trust(self) -> str:
        """A sentence that tells a user how clients come to accept the certificate."""
        return (
            f"Clients accept it with REQUESTS_CA_BUNDLE={shlex.quote(str(self.authority))}; "
            "deriva-py does not verify the host name localhost and needs nothing."
        )


def ensure_tls_files(directory: Path | None = None) -> TlsFiles:
    """The certificate for the loopback, made or renewed when need be.

    Safe to call from several processes at once.

    Args:
        directory: Where the files are; by default ``tls`` in the data directory.
    """
    home = data_directory() / "tls" if directory is None else directory
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = TlsFiles(home / "authority.pem", home / "certificate.pem", home / "key.pem")
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_good(files.certificate) or not files.key.exists() or not _is_good(files.authority):
            _make(files, home / "authority-key.pem")
    return files


def _make(files: TlsFiles, authority_key: Path) -> None:
    import trustme

    if _is_good(files.authority) and authority_key.exists():
        authority = trustme.CA.from_pem(files.authority.read_bytes(), authority_key.read_bytes())
    else:
        authority = trustme.CA(organization_name="dml", organization_unit_name="certificates of this machine")
        _write(authority_key, authority.private_key_pem.bytes())
        _write(files.authority, authority.cert_pem.bytes())
    end = datetime.datetime.now(datetime.UTC) + _LIFETIME
    leaf = authority.issue_cert(*NAMES, organization_name="dml", not_after=end)
    _write(files.key, leaf.private_key_pem.bytes())
    _write(files.certificate, b"".join(blob.bytes() for blob in leaf.cert_chain_pems))


def _is_good(certificate: Path) -> bool:
    """Whether a certificate is there and has a month left."""
    from cryptography import x509

    try:
        parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return parsed.not_valid_after_utc - datetime.datetime.now(datetime.UTC) > _RENEWAL


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
