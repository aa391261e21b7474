"""Speaking to a server in raw bytes, as no library would."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

TOKEN = "a-token-of-tests"


def connect(url: str) -> socket.socket:
    """A connection to the host and port of a URL."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30)


def receive_all(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    received = b""
    while block := connection.recv(65536):
        received += block
    return received


def exchange(url: str, request: bytes) -> tuple[int, bytes]:
    """Send raw bytes; the answer's status and everything after the header."""
    with connect(url) as connection:
        connection.sendall(request)
        answer = receive_all(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body
