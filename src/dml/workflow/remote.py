"""The web address of a git remote, without credentials."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

_SCP_LIKE = re.compile(
    r"(?:[^@/:\s]+@)?(?P<host>\[[0-9A-Fa-f:]+\]|[A-Za-z0-9][A-Za-z0-9._-]+):(?!//)(?P<path>[^:\s].*)"
)


def web_link(remote: str) -> str:
    """The address of a repository for a browser.

    ``git@host:org/repo.git`` and ``ssh://git@host:2222/org/repo`` become ``https://host/org/repo``. Credentials, query,
    fragment and ``.git`` are removed. A path on this machine becomes a ``file:`` URL.
    """
    text = remote.strip()
    if "://" not in text:
        match = _SCP_LIKE.fullmatch(text)
        if match is None:
            return "file://" + quote(_without_suffix(text)) if text.startswith("/") else _without_suffix(text)
        return _without_suffix(f"https://{match['host']}/{match['path'].lstrip('/')}")
    parts = urlsplit(text)
    scheme, host = parts.scheme.lower(), parts.netloc.rpartition("@")[2]
    if scheme in ("ssh", "git", "git+ssh", "ssh+git"):
        # The port is that of sshd, not of the web server.
        scheme, host = "https", re.sub(r":\d+$", "", host)
    return _without_suffix(urlunsplit((scheme, host, parts.path, "", "")))


def without_credentials(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url) if "://" in url else None
    if parts is None or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _without_suffix(link: str) -> str:
    return link.rstrip("/").removesuffix(".git").rstrip("/")
