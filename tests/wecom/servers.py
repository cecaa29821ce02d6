"""What the tests of the WeCom client talk to."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

KEY = "robot-key-a1b2c3d4-0000-1111-2222"
Behaviour = Callable[[socket.socket], None]


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def read_request(connection: socket.socket) -> bytes:
    """Read one request, head and body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = (
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    length = next(lengths, 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def reset(connection: socket.socket) -> None:
    """Close so that the other side sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
