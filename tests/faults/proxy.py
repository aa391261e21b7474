"""A TCP proxy in this process that treats its connections badly, each in turn as told."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum


class Treatment(Enum):
    """What is done to a connection."""

    FAIR = "passed on"
    REFUSED = "closed at once with a reset"
    RESET = "reset after some bytes of the request"
    HALF_CLOSED = "the server's side is closed before it answered"
    ANSWER_RESET = "reset after the server has the whole request, before its answer passes"
    STALLED = "nothing passes after some bytes"
    SLICED = "every byte of the answer in a piece of its own, the request in small ones"


@dataclass
class Proxy:
    """The proxy's address, what it does next, and what it did.

    Attributes:
        port: Where it listens.
        plan: Treatments of the next connections, the first one first; those after them are passed on.
        after: Bytes of the request that pass before a treatment.
        met: Treatments that were applied.
    """

    port: int
    plan: list[Treatment] = field(default_factory=list)
    after: int = 30_000
    met: list[Treatment] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A proxy in front of a port of this machine, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    made = Proxy(listener.getsockname()[1])
    lock = threading.Lock()

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with lock:
                treatment = made.plan.pop(0) if made.plan else Treatment.FAIR
            threading.Thread(target=_treat, args=(made, client, port, treatment), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.released.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _treat(proxy: Proxy, client: socket.socket, port: int, treatment: Treatment) -> None:
    if treatment is not Treatment.FAIR:
        proxy.met.append(treatment)
    if treatment is Treatment.REFUSED:
        _reset(client)
        return
    server = socket.create_connection(("127.0.0.1", port))
    if treatment is Treatment.ANSWER_RESET:
        _reset_at_answer(client, server)
        return
    threading.Thread(target=_answer, args=(client, server, treatment), daemon=True).start()
    passed = 0
    piece = 997 if treatment is Treatment.SLICED else 65_536
    with suppress(OSError):
        while content := client.recv(piece):
            server.sendall(content)
            passed += len(content)
            if passed < proxy.after:
                continue
            if treatment is Treatment.RESET:
                _reset(client)
                break
            if treatment is Treatment.HALF_CLOSED:
                client.shutdown(socket.SHUT_WR)
                break
            if treatment is Treatment.STALLED:
                proxy.released.wait()
                break
    with suppress(OSError):
        server.close()
    with suppress(OSError):
        client.close()


def _answer(client: socket.socket, server: socket.socket, treatment: Treatment) -> None:
    with suppress(OSError):
        while content := server.recv(65_536):
            if treatment is Treatment.SLICED:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for number in range(len(content)):
                    client.sendall(content[number : number + 1])
            else:
                client.sendall(content)
        client.shutdown(socket.SHUT_WR)


def _reset_at_answer(client: socket.socket, server: socket.socket) -> None:
    """Pass the request on; once the server answers, and has acted therefore, reset the connection."""
    with suppress(OSError):
        while True:
            readable, _, _ = select.select([client, server], [], [])
            if server in readable:
                break
            if not (content := client.recv(65_536)):
                break
            server.sendall(content)
    _reset(client)
    server.close()


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
